"""What the commands of all packages share: the library argument, exit codes, one JSON document on stdout."""

import argparse
import getpass
import io
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from core.errors import SettingsError, WhetstoneError, explain_storage_error

DONE, REFUSED, WRONG_USAGE = 0, 1, 2


def add_home_argument(parser: argparse.ArgumentParser) -> None:
    """Accept --home and --as on this (sub)command; given before and after it, the later one counts."""
    parser.add_argument("--home", default=argparse.SUPPRESS, metavar="DIR", help="the library folder")
    parser.add_argument(
        "--as", dest="user_name", default=argparse.SUPPRESS, metavar="NAME", help="do it as this user of the library"
    )


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def count(number: int, noun: str) -> str:
    """`1 paper`, `2 papers`, `1,003 queries`."""
    plural = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun if number == 1 else plural}"


def say(sentence: str) -> None:
    """Tell the person at the terminal; never mixes with a JSON document."""
    print(sentence, file=sys.stderr, flush=True)


def run_command(
    main: Callable[[argparse.Namespace], int], parser: argparse.ArgumentParser, argv: Sequence[str] | None = None
) -> int:
    """The command's exit code: 0 done, 1 refused or failed with one sentence, 2 wrong usage."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may know fewer characters than papers have.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    complete(parser)
    args = parser.parse_args(argv)
    quieten_libraries()
    try:
        return main(args)
    except WhetstoneError as error:
        say(str(error))
        return REFUSED
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; without this Python complains once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (sqlite3.Error, OSError) as error:
        say(explain_storage_error(error))
        return REFUSED
    except KeyboardInterrupt:
        say("Stopped.")
        return REFUSED


def end_as_by_ctrl_c() -> None:
    """Let SIGTERM end this process as Ctrl-C does, with all that is to be done at its end."""
    signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell where it asks how the command goes on, and end; else do nothing."""
    if "_ARGCOMPLETE" in os.environ:
        # Delayed: no command needs it but for this.
        import argcomplete

        argcomplete.autocomplete(parser)


def whole_id(text: str) -> int:
    """An id of a row, for argparse. Raises ArgumentTypeError where SQLite could not hold it."""
    number = _whole_number(text)
    if number is None or not 0 <= number < 1 << 63:
        raise argparse.ArgumentTypeError(f"'{text}' is not an id; an id is a whole number, as 'list' shows it")
    return number


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A whole number within these bounds, for argparse."""

    def within(text: str) -> int:
        number = _whole_number(text)
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
        return number

    return within


def _whole_number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None


def unicode_text(text: str) -> str:
    """A text, for argparse. Raises ArgumentTypeError where its bytes are not those of UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise argparse.ArgumentTypeError("it holds bytes that are not UTF-8") from error
    return text


def ask_new_password() -> str:
    """A new password, typed twice; a line of the input where nobody sits at a terminal."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    words = getpass.getpass("New password: ")
    if words != getpass.getpass("Once more: "):
        raise SettingsError("The two passwords are not the same, so nothing is changed. Try again.")
    return words


def quieten_libraries() -> None:
    """Keep progress bars and notices of the model libraries off the terminal; warnings and errors still come."""
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    os.environ.setdefault("TQDM_DISABLE", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # What it warns of is told in our own sentences.
    logging.getLogger("bibtexparser").setLevel(logging.ERROR)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
