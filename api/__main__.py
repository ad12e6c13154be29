# PYTHON_ARGCOMPLETE_OK
"""`python -m api`: make, list and withdraw the tokens of programs; print the OpenAPI document."""

import argparse
import sys

from api.tokens import list_tokens, make_token, withdraw_token
from core.cli import DONE, add_home_argument, print_json, run_command, unicode_text
from core.settings import Settings
from storage.commands import settings_from


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api", description="Tokens with which programs use the API where a password is set."
    )
    add_home_argument(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make-token", help="make a token and print it, this once only")
    withdrawing = commands.add_parser("withdraw-token", help="let a token open nothing any more")
    for command in (making, withdrawing):
        command.add_argument("name", type=unicode_text, metavar="NAME")
    listing = commands.add_parser("tokens", help="show the names of the tokens")
    for command in (making, withdrawing, listing):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")
    describing = commands.add_parser("openapi", help="print the OpenAPI document")
    add_home_argument(describing)
    return parser


def main(args: argparse.Namespace) -> int:
    commands = {"make-token": make, "withdraw-token": withdraw, "tokens": show, "openapi": describe}
    return commands[args.command](settings_from(args), args)


def make(settings: Settings, args: argparse.Namespace) -> int:
    token = make_token(settings.tokens, args.name)
    if args.json:
        print_json({"name": args.name, "token": token})
    else:
        print(token)
    return DONE


def withdraw(settings: Settings, args: argparse.Namespace) -> int:
    withdraw_token(settings.tokens, args.name)
    if args.json:
        print_json({"withdrawn": args.name})
    else:
        print("Withdrawn.")
    return DONE


def show(settings: Settings, args: argparse.Namespace) -> int:
    tokens = list_tokens(settings.tokens)
    if args.json:
        print_json({"tokens": [{"name": token.name, "made_at": token.made_at} for token in tokens]})
    elif not tokens:
        print("There is no token. Make one with 'python -m api make-token NAME'.")
    for token in () if args.json else tokens:
        print(f"{token.made_at}  {token.name}")
    return DONE


def describe(settings: Settings, args: argparse.Namespace) -> int:
    # Delayed: the handlers import PyTorch, which takes seconds.
    from api.create import describe_api

    print_json(describe_api())
    return DONE


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
