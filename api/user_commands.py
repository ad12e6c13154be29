"""The command that keeps the users of a library."""

import argparse

from core.cli import DONE, add_home_argument, ask_new_password, print_json, unicode_text
from core.people import Role, User
from core.settings import Settings
from storage.database import open_database
from storage.people import find_user, list_users, set_role


def add_users_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("users", help="who may use the library; from the first user on, each must sign in")
    actions = command.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="show the users")
    adding = actions.add_parser("add", help="add a user, who signs in with a password that is asked for")
    role = actions.add_parser("role", help="give a user another role")
    password = actions.add_parser("password", help="give a user a new password, which is asked for")
    removing = actions.add_parser("remove", help="remove a user, with their searches, tokens and password")
    for action in (adding, role, password, removing):
        action.add_argument("name", type=unicode_text, metavar="NAME")
    roles = [str(one) for one in Role]
    adding.add_argument("--role", choices=roles, default=str(Role.READ), help="what they may do (read)")
    role.add_argument("role", choices=roles)
    papers = removing.add_mutually_exclusive_group()
    papers.add_argument("--delete-papers", action="store_true", help="their private papers are deleted")
    papers.add_argument("--share-papers", action="store_true", help="their private papers become everybody's")
    papers.add_argument(
        "--pass-papers-to", type=unicode_text, metavar="OTHER", help="their private papers become this user's"
    )
    for action in (listing, adding, role, password, removing):
        add_home_argument(action)
        action.add_argument("--json", action="store_true", help="print one JSON document")


def keep_users(settings: Settings, args: argparse.Namespace) -> int:
    _change(settings, args)
    with open_database(settings.database) as db:
        users = list_users(db)
    if args.json:
        print_json({"users": [_as_json(user) for user in users]})
        return DONE
    for user in users:
        print(f"{user.id:>5}  {user.name} ({user.role})")
    if not users:
        print("There is no user: one person uses this library, and needs no name.")
    return DONE


def _change(settings: Settings, args: argparse.Namespace) -> None:
    if args.action == "list":
        return
    # Delayed: to remove papers PyTorch is imported, which takes seconds.
    from api.accounts import add_user, remove_user, set_password

    if args.action == "add":
        add_user(settings, args.name, Role(args.role), ask_new_password())
        return
    with open_database(settings.database) as db:
        user = find_user(db, args.name)
        heir = find_user(db, args.pass_papers_to) if args.action == "remove" and args.pass_papers_to else None
        if args.action == "role":
            set_role(db, user.id, Role(args.role))
    if args.action == "password":
        set_password(settings, user, ask_new_password())
    elif args.action == "remove":
        remove_user(settings, user, delete_papers=args.delete_papers, share=args.share_papers, pass_to=heir)


def _as_json(user: User) -> dict[str, object]:
    return {"id": user.id, "name": user.name, "role": str(user.role), "created_at": user.created_at}
