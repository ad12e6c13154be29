# PYTHON_ARGCOMPLETE_OK
"""`python -m api`: the users of the library, the tokens of programs, the OpenAPI document."""

import argparse
import sys
from collections.abc import Mapping

from api.tokens import Token, list_tokens, make_token, withdraw_token
from api.user_commands import add_users_command, keep_users
from core.cli import DONE, add_home_argument, print_json, run_command, unicode_text
from core.errors import PeopleError
from core.settings import Settings
from storage.commands import settings_from
from storage.database import open_database
from storage.people import find_user, list_users


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api", description="The users of the library, and the tokens with which programs use the API."
    )
    add_home_argument(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make-token", help="make a token and print it, this once only")
    withdrawing = commands.add_parser("withdraw-token", help="let a token open nothing any more")
    for command in (making, withdrawing):
        command.add_argument("name", type=unicode_text, metavar="NAME")
    listing = commands.add_parser("tokens", help="show the names of the tokens")
    for command in (making, withdrawing):
        command.add_argument("--user", type=unicode_text, metavar="NAME", help="whose it is, where there are users")
    for command in (making, withdrawing, listing):
        add_home_argument(command)
        command.add_argument("--json", action="store_true", help="print one JSON document")
    describing = commands.add_parser("openapi", help="print the OpenAPI document")
    add_home_argument(describing)
    add_users_command(commands)
    return parser


def main(args: argparse.Namespace) -> int:
    commands = {
        "make-token": make,
        "withdraw-token": withdraw,
        "tokens": show,
        "openapi": describe,
        "users": keep_users,
    }
    return commands[args.command](settings_from(args), args)


def make(settings: Settings, args: argparse.Namespace) -> int:
    token = make_token(settings.tokens, args.name, _owner_of(settings, args))
    if args.json:
        print_json({"name": args.name, "token": token})
    else:
        print(token)
    return DONE


def withdraw(settings: Settings, args: argparse.Namespace) -> int:
    withdraw_token(settings.tokens, args.name, _owner_of(settings, args))
    if args.json:
        print_json({"withdrawn": args.name})
    else:
        print("Withdrawn.")
    return DONE


def _owner_of(settings: Settings, args: argparse.Namespace) -> int | None:
    """The id of the user whose token it is; None in a library without users. Raises PeopleError where none is named."""
    with open_database(settings.database) as db:
        if args.user is not None:
            return find_user(db, args.user).id
        if list_users(db):
            raise PeopleError("This library has users, and a token is one's of them. Say whose: --user NAME")
    return None


def show(settings: Settings, args: argparse.Namespace) -> int:
    tokens = list_tokens(settings.tokens)
    with open_database(settings.database) as db:
        names = {user.id: user.name for user in list_users(db)}
    if args.json:
        print_json({"tokens": [_token_as_json(token, names) for token in tokens]})
    elif not tokens:
        print("There is no token. Make one with 'python -m api make-token NAME'.")
    for token in () if args.json else tokens:
        whose = names.get(token.user, "a user who is gone") if token.user is not None else ""
        print(f"{token.made_at}  {token.name}{f' of {whose}' if whose else ''}")
    return DONE


def _token_as_json(token: Token, names: Mapping[int, str]) -> dict[str, str | None]:
    shown: dict[str, str | None] = {"name": token.name, "made_at": token.made_at}
    return shown if token.user is None else shown | {"user": names.get(token.user)}


def describe(settings: Settings, args: argparse.Namespace) -> int:
    # Delayed: the handlers import PyTorch, which takes seconds.
    from api.create import describe_api

    print_json(describe_api())
    return DONE


if __name__ == "__main__":
    sys.exit(run_command(main, build_parser()))
