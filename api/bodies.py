"""A file that is the whole body of a request: kept among the uploads as long as it is looked at."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from anyio import to_thread
from fastapi import Request

from core.settings import Settings
from indexer.ingest import clean_name

_API = "/api/v1"
# Where a body is a file; how large it may be is looked at before the first byte, see ui/upload_gate.py.
FILE_PATHS = frozenset({f"{_API}/documents", f"{_API}/models", f"{_API}/judgements/import"})

_NAME_BYTES = 180


def file_body(media_type: str) -> dict[str, Any]:
    """For the OpenAPI document: the body is a file of this kind."""
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"requestBody": {"required": True, "content": content}}


def file_name(name: str) -> str:
    """What a file of this name may be called on any disk: its last part, and of a long one its end."""
    end = clean_name(name.encode("utf-8", "replace")[-_NAME_BYTES:].decode("utf-8", "ignore"))
    return end if end.strip(".") else "unnamed"


@asynccontextmanager
async def received(request: Request, settings: Settings, name: str) -> AsyncIterator[Path]:
    """The body as a file of this name, in a folder of its own; gone at the end."""
    folder = Path(mkdtemp(dir=settings.uploads))
    try:
        path = folder / name
        with path.open("wb") as file:
            async for block in request.stream():
                await to_thread.run_sync(file.write, block)
        yield path
    finally:
        await to_thread.run_sync(shutil.rmtree, folder)
