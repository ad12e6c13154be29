# PYTHON_ARGCOMPLETE_OK
"""`python -m mcp_server`: the library as tools for an assistant, over standard input and output. The app must run."""

import argparse
import os
import sys

from core.cli import DONE, REFUSED, run_command, say

_URL = "http://127.0.0.1:7860"


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mcp_server",
        description="Tools for an assistant that speaks MCP: search papers, open a passage, judge it. "
        "Where the app has a password, WHETSTONE_TOKEN is a token of 'python -m api make-token NAME'.",
    )
    parser.add_argument("--url", default=_URL, help=f"where the app runs ({_URL})")
    return parser


def main(args: argparse.Namespace) -> int:
    try:
        from mcp_server.tools import make_server
    except ModuleNotFoundError as error:
        say(f"'{error.name}' is not installed. Install it: pip install -r requirements-mcp.txt")
        return REFUSED
    from client.whetstone import Whetstone

    try:
        library = Whetstone(args.url, os.environ.get("WHETSTONE_TOKEN"))
    except ValueError as error:
        say(str(error))
        return REFUSED
    make_server(library).run("stdio")
    return DONE


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
