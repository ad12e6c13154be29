import pytest
from sqlite_utils import Database

from core.people import Role, User
from storage.people import add_user


@pytest.fixture
def anna(db: Database) -> User:
    """The first user, and so an admin."""
    return add_user(db, "anna", Role.ADMIN)
