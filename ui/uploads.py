"""Files that came through the browser: taken only from where Gradio puts them, and not left there."""

from contextlib import suppress
from pathlib import Path

from core.errors import ReadError
from core.files import remove_stale
from core.settings import Settings

# An upload is under way for minutes at most.
_UPLOAD_SECONDS = 86_400


def require_upload(settings: Settings, file: Path) -> None:
    """Raise ReadError where the file was not uploaded: the page must not take in any file of the machine."""
    if not file.resolve().is_relative_to(settings.uploads.resolve()):
        raise ReadError(f"'{file.name}' was not uploaded here. Drop it onto the page.")


def discard_upload(file: Path) -> None:
    """Remove an upload that has been taken in, with the folder that Gradio made for it."""
    file.unlink(missing_ok=True)
    with suppress(OSError):
        # Another upload may just be putting its own there.
        file.parent.rmdir()


def sweep_uploads(settings: Settings) -> None:
    """Remove what uploads have left behind: Gradio's empty spool files, and uploads that never became papers."""
    remove_stale(settings.uploads.iterdir(), _UPLOAD_SECONDS)
