"""Coroutines in tests that are no coroutines themselves."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def run_to_its_end(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """What the coroutine returns; run in a thread, for Playwright's loop may run in that of the tests."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, coroutine).result()
