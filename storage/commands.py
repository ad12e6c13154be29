"""The library that a command works on."""

import argparse

from core.people import act_as
from core.settings import Settings, load_settings
from storage.database import open_database, prepare_database
from storage.people import find_user


def settings_from(args: argparse.Namespace) -> Settings:
    """The settings of this call, the library folder and its database made and up to date.

    What follows is done as the user who is named, and sees what they see; without one it sees all.
    """
    settings = load_settings(home=getattr(args, "home", None))
    settings.prepare_home()
    prepare_database(settings.database)
    if (name := getattr(args, "user_name", None)) is not None:
        with open_database(settings.database, whole=True) as db:
            act_as(find_user(db, name))
    return settings
