"""Files that came through the browser: taken only from where Gradio puts them, and not left there."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from core.errors import ReadError
from core.held import held_folder
from core.settings import Settings
from core.stored_settings import current
from indexer.added import Added
from indexer.additions import add_chosen, add_paths, belongs_to_others


def add_uploads(settings: Settings, files: Sequence[Path], into: int | None = None) -> Added:
    """Add the papers of an upload; nothing of it stays where it was. Raises ReadError where it has too many files.

    What a bibliography or a LaTeX paper names is looked for among the files that came with it.
    """
    settings = current(settings)
    for file in files:
        require_upload(settings, file)
    try:
        most = settings.upload_files
        if len(files) > most:
            raise ReadError(
                f"{len(files):,} files came at once, more than {most:,}, so none was taken. "
                "Add them in parts, or by: python -m indexer add FOLDER"
            )
        if not any(map(belongs_to_others, files)):
            return add_paths(settings, files, into)
        with held_folder(settings.uploads) as folder:
            return add_chosen(settings, _put_together(files, folder), folder, into)
    finally:
        for file in files:
            discard_upload(file)


def _put_together(files: Sequence[Path], folder: Path) -> list[Path]:
    """The files moved into one folder; those of one name, of which none is meant more than the others, below it."""
    times = Counter(file.name for file in files)
    places = []
    for number, file in enumerate(files):
        place = folder / file.name if times[file.name] == 1 else folder / str(number) / file.name
        place.parent.mkdir(exist_ok=True)
        file.rename(place)
        places.append(place)
    return places


def require_upload(settings: Settings, file: Path) -> None:
    """Raise ReadError where the file was not uploaded: the page must not take in any file of the machine."""
    if not (file.resolve().is_relative_to(settings.uploads.resolve()) and file.is_file()):
        raise ReadError(f"'{file.name}' was not uploaded here. Drop it onto the page.")


def discard_upload(file: Path) -> None:
    """Remove an upload that has been taken in, with the folder that Gradio made for it."""
    file.unlink(missing_ok=True)
    with suppress(OSError):
        # Another upload may just be putting its own there.
        file.parent.rmdir()
