"""In the Settings tab: one's own password and tokens, and the users of the library for who keeps them."""

from typing import Any

import gradio as gr

from api import accounts, tokens
from api.services import Services
from core.errors import PeopleError
from core.people import Role, require_user, viewer
from storage import people
from storage.database import open_database
from ui.messages import answer_script
from ui.parts import SILENT, PlainHTML
from ui.render import read_asset, render


def build_account(services: Services, tab: gr.Tab) -> gr.HTML:
    account = PlainHTML(
        "",
        elem_id="account",
        js_on_load=read_asset("common.js") + read_asset("account.js"),
        server_functions=[
            _make_change_password(services),
            _make_make_token(services),
            _make_withdraw_token(services),
            _make_add_person(services),
            _make_change_role(services),
            _make_set_password(services),
            _make_remove_person(services),
        ],
    )

    def show_account() -> str:
        return render_account(services)

    tab.select(show_account, None, account, **SILENT)
    account.changed(show_account, None, account, trigger_mode="always_last", **SILENT)
    return account


def render_account(services: Services) -> str:
    user = viewer()
    with open_database(services.settings.database) as db:
        users = people.list_users(db)
    keeps_users = not users or (user is not None and user.role is Role.ADMIN)
    own = [one for one in tokens.list_tokens(services.settings.tokens) if user is not None and one.user == user.id]
    return render(
        "account.html", user=user, tokens=own, users=users if keeps_users else None, roles=[str(role) for role in Role]
    )


# --- what the page's script asks for ---


def _make_change_password(services: Services) -> Any:
    @answer_script
    def change_own_password(arguments: list) -> dict:
        """[the present one, the new one]"""
        old, new = map(str, arguments)
        accounts.change_password(services.settings, services.tries, require_user(), old, new)
        return {"said": "Your password is another now. Sign in with it."}

    return change_own_password


def _make_make_token(services: Services) -> Any:
    @answer_script
    def make_own_token(arguments: list) -> dict:
        """[its name]"""
        return {"token": tokens.make_token(services.settings.tokens, str(arguments[0]), require_user().id)}

    return make_own_token


def _make_withdraw_token(services: Services) -> Any:
    @answer_script
    def withdraw_own_token(arguments: list) -> dict:
        tokens.withdraw_token(services.settings.tokens, str(arguments[0]), require_user().id)
        return {"said": "Withdrawn: it opens nothing any more."}

    return withdraw_own_token


def _make_add_person(services: Services) -> Any:
    @answer_script
    def add_person(arguments: list) -> dict:
        """[name, role, password]"""
        name, role, password = map(str, arguments)
        user = accounts.add_user(services.settings, name, _role(role), password)
        # The first one signs in at once: nobody may do anything without a name any more.
        return {"said": f"'{user.name}' can sign in.", "signIn": viewer() is None}

    return add_person


def _make_change_role(services: Services) -> Any:
    @answer_script
    def change_role(arguments: list) -> dict:
        """[id of the user, role]"""
        with open_database(services.settings.database) as db:
            user = people.set_role(db, int(arguments[0]), _role(str(arguments[1])))
        return {"said": f"The role of '{user.name}' is {user.role}."}

    return change_role


def _make_set_password(services: Services) -> Any:
    @answer_script
    def set_new_password(arguments: list) -> dict:
        """[id of the user, password]"""
        with open_database(services.settings.database) as db:
            user = people.get_user(db, int(arguments[0]))
        accounts.set_password(services.settings, user, str(arguments[1]))
        return {"said": f"'{user.name}' signs in with the new password from now on."}

    return set_new_password


def _make_remove_person(services: Services) -> Any:
    @answer_script
    def remove_person(arguments: list) -> dict:
        """[id of the user, what becomes of their private papers: "", "delete", "share", or the id of another user]"""
        user_id, papers = int(arguments[0]), str(arguments[1])
        with open_database(services.settings.database) as db:
            user = people.get_user(db, user_id)
            heir = people.get_user(db, int(papers)) if papers.isdecimal() else None
        accounts.remove_user(
            services.settings, user, delete_papers=papers == "delete", share=papers == "share", pass_to=heir
        )
        return {"said": f"'{user.name}' is removed."}

    return remove_person


def _role(name: str) -> Role:
    if name not in set(Role):
        raise PeopleError(f"'{name[:40]}' is not a role. It is one of {', '.join(Role)}.")
    return Role(name)
