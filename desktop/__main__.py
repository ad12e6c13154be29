"""`python -m desktop`: the page in a window of its own, and papers added by opening them with it."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from core.cli import DONE, REFUSED, add_home_argument, count, end_as_by_ctrl_c, run_command, say
from core.errors import ReadError
from core.served import Served
from core.settings import Settings, load_settings
from desktop.entry import install, uninstall
from desktop.server import end, find_or_start
from desktop.window import DEFAULT_BROWSER, open_window


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m desktop",
        description="Open Whetstone in a window of its own. The program starts if it does not run for this library, "
        "and then ends with the last page that is open, once the work that was begun is done.",
    )
    add_home_argument(parser)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="papers to add")
    parser.add_argument(
        "--browser", metavar="PROGRAM", help=f"the browser that makes the window; '{DEFAULT_BROWSER}' for a plain page"
    )
    parser.add_argument("--install", action="store_true", help="put Whetstone into the menu, and beside PDFs (Linux)")
    parser.add_argument("--uninstall", action="store_true", help="take it out again")
    return parser


def main(args: argparse.Namespace) -> int:
    if args.uninstall:
        print("Whetstone is out of the menu." if uninstall() else "Whetstone is not in the menu.")
        return DONE
    if args.install:
        home = ["--home", str(load_settings(home=args.home).home)] if "home" in args else []
        written = install([*home, *(["--browser", args.browser] if args.browser else [])])
        print(f"Whetstone is in the menu, and opens PDFs by 'Open with' ({written}).")
        return DONE
    end_as_by_ctrl_c()
    return open_desktop(load_settings(home=getattr(args, "home", None)), args.files, args.browser)


def open_desktop(settings: Settings, files: Sequence[Path], browser: str | None) -> int:
    """Open the window and add the files; where the app was started for it, wait until that ends."""
    served, process = find_or_start(settings)
    window = None
    try:
        if process is None:
            print(f"Whetstone runs already at {served.url}.", flush=True)
        window = open_window(settings, _address(served, files), browser)
        refused = _add(settings, files)
        if process is not None:
            refused |= process.wait()
    except BaseException:
        if process is not None:
            if window is not None:
                window.terminate()
            end(process)
        raise
    return REFUSED if refused else DONE


def _address(served: Served, files: Sequence[Path]) -> str:
    return f"{served.url}/?tab=library" if files else f"{served.url}/"


def _add(settings: Settings, files: Sequence[Path]) -> int:
    """Put the files into the library, whose worker reads them; how many it did not take."""
    if not files:
        return 0
    # Delayed: it imports PyTorch, which takes seconds; the window is open by now.
    from indexer.ingest import add_file

    refused = 0
    for file in files:
        try:
            add_file(settings, file)
        except ReadError as error:
            say(str(error))
            refused += 1
    print(f"{count(len(files) - refused, 'paper')} added.", flush=True)
    return refused


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
