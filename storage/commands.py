"""The library that a command works on."""

import argparse

from core.settings import Settings, load_settings
from storage.database import prepare_database


def settings_from(args: argparse.Namespace) -> Settings:
    """The settings of this call, the library folder and its database made and up to date."""
    settings = load_settings(home=getattr(args, "home", None))
    settings.prepare_home()
    prepare_database(settings.database)
    return settings
