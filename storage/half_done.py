"""What a retrain that failed, was stopped or died has left."""

import shutil

from core.settings import Settings
from core.types import ModelState
from storage import models
from storage.database import open_database
from storage.strange import is_own_folder

# A retrain saves here, and moves the folder to its place when all of it is written.
HALF_DONE = ".training"


def remove_half_done(settings: Settings) -> None:
    """Remove the folder, version and vectors of an unfinished retrain; only for the holder of the work lock."""
    with open_database(settings.database) as db:
        for version in models.list_models(db):
            if version.state is ModelState.PREPARING:
                # The row last: it tells the next time what there still is to remove. A folder elsewhere is not ours.
                if is_own_folder(version.source):
                    shutil.rmtree(settings.home / version.source, ignore_errors=True)
                models.remove_model(db, version.id)
    shutil.rmtree(settings.models / HALF_DONE, ignore_errors=True)
