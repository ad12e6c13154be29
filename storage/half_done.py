"""What was not done to its end: by processes that died, and by a retrain that failed or was stopped too."""

import shutil

from core.files import remove_all
from core.held import PREFIX, remove_abandoned
from core.settings import Settings
from core.types import ModelState
from storage import models
from storage.database import open_database
from storage.strange import is_own_folder

# A retrain saves here, and moves the folder to its place when all of it is written.
HALF_DONE = ".training"


def sweep_library(settings: Settings) -> None:
    """Remove what processes that died left in the library and beside it; only for the holder of the app's lock."""
    for folder in (*settings.folders, settings.home.parent):
        remove_abandoned(folder)
    # Only the app takes uploads, so all of them are of one that is no more; a command holds what it puts there.
    remove_all(path for path in settings.uploads.iterdir() if not path.name.startswith(PREFIX))


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
