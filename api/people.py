"""The users of the library over HTTP, and one's own account."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api import accounts, shapes, tokens
from api.served import Served
from api.services import Services
from api.shapes import QueryId, RowId
from core.people import User, require_user, viewer
from storage import people
from storage.database import open_database

router = APIRouter(tags=["people"])

_TokenName = Annotated[str, Path(max_length=200)]


@router.get("/account")
def get_account(services: Served) -> shapes.Account:
    """Who is signed in, and their tokens; nobody in a library without users."""
    user = viewer()
    if user is None:
        return shapes.Account(user=None, tokens=[])
    own = [token for token in tokens.list_tokens(services.settings.tokens) if token.user == user.id]
    return shapes.Account.model_validate({"user": user, "tokens": own})


@router.put("/account/password")
def change_own_password(services: Served, change: shapes.PasswordChange) -> shapes.Account:
    """A new password; whoever is signed in with the old one no longer is."""
    accounts.change_password(services.settings, services.tries, require_user(), change.old, change.new)
    return get_account(services)


@router.post("/account/tokens", status_code=201)
def make_own_token(services: Served, named: shapes.TokenName) -> shapes.NewToken:
    """A token with which a program does what you may do; it is told this once."""
    return shapes.NewToken(
        name=named.name, token=tokens.make_token(services.settings.tokens, named.name, require_user().id)
    )


@router.delete("/account/tokens/{name}")
def withdraw_own_token(services: Served, name: _TokenName) -> shapes.Account:
    tokens.withdraw_token(services.settings.tokens, name, require_user().id)
    return get_account(services)


@router.get("/users")
def list_people(services: Served) -> shapes.Users:
    """Every user, by name."""
    with open_database(services.settings.database) as db:
        return shapes.Users.model_validate({"users": people.list_users(db)})


@router.post("/users", status_code=201)
def add_person(services: Served, new: shapes.NewUser) -> shapes.User:
    """From the first one on, who must be an admin, each request needs one who is signed in."""
    return shapes.User.model_validate(accounts.add_user(services.settings, new.name, new.role, new.password))


@router.patch("/users/{user_id}")
def change_role(services: Served, user_id: RowId, change: shapes.RoleChange) -> shapes.User:
    with open_database(services.settings.database) as db:
        return shapes.User.model_validate(people.set_role(db, user_id, change.role))


@router.put("/users/{user_id}/password")
def set_new_password(services: Served, user_id: RowId, new: shapes.NewPassword) -> shapes.User:
    """A new password for a user; whoever was signed in as them no longer is."""
    user = _user(services, user_id)
    accounts.set_password(services.settings, user, new.password)
    return shapes.User.model_validate(user)


@router.delete("/users/{user_id}")
def remove_person(
    services: Served,
    user_id: RowId,
    papers: Annotated[
        shapes.PapersOfRemoved | None, Query(description="what becomes of their private papers, if they have some")
    ] = None,
    heir: QueryId = None,
) -> shapes.Removed:
    """Remove a user, with their searches, tokens and password; `heir` is whom their papers are passed to."""
    accounts.remove_user(
        services.settings,
        _user(services, user_id),
        delete_papers=papers is shapes.PapersOfRemoved.DELETE,
        share=papers is shapes.PapersOfRemoved.SHARE,
        pass_to=None if heir is None else _user(services, heir),
    )
    return shapes.Removed(removed=[user_id])


def _user(services: Services, user_id: int) -> User:
    with open_database(services.settings.database) as db:
        return people.get_user(db, user_id)
