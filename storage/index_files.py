"""Where the index of a large library lies between two starts, and that it goes when a paper does."""

from pathlib import Path

from core.settings import INDEX_FOLDER


def index_files(home: Path) -> list[Path]:
    """Every file of it, half-written ones too."""
    folder = home / INDEX_FOLDER
    return sorted(folder.iterdir()) if folder.is_dir() else []


def drop_index_files(home: Path) -> int:
    """Remove them, since they hold codes of vectors that are gone; how many there were. The rows make them anew."""
    files = index_files(home)
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)
