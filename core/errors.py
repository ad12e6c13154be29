"""What can go wrong in a way a user can do something about.

WhetstoneError
├── SettingsError          a setting or argument has a value that can't be used
├── NotFoundError          no document, chunk, collection, model version or job has this id
├── LibraryError           the library folder or its database can't be used
├── ReadError              a file can't be read as a paper
│   └── PasswordError      it is encrypted, and its password is not known
├── FetchError             a paper can't be fetched from where it is published
├── MetadataError          a title, name, year or identifier that no paper has
├── CollectionError        a name that no collection can have
├── PeopleError            a user that can't be added, changed or removed so
├── RoleError              the role of the user does not allow this
├── QuestionError          a part of a question, or of its filter, that can't be understood
├── ModelError             a model can't be loaded, or can't be used here
├── ImportFormatError      a line of an import file, or a labelled folder, is not as described
├── TrainingError          there is too little to train on, or a setting excludes another
├── PromotionError         a switch of models that can't be made now
└── Cancelled              the user stopped a job

A message says what was wrong with which value, then the cure. To programs each class is told by a code of its own:
`not_found` for NotFoundError, `import_format` for ImportFormatError.
"""

import errno
import re
import sqlite3


class WhetstoneError(Exception):
    """Base of every error whose message is written for the user."""

    @classmethod
    def code(cls) -> str:
        """What programs know this class by; it stays when a message changes."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__.removesuffix("Error")).lower()


class SettingsError(WhetstoneError):
    pass


class NotFoundError(WhetstoneError):
    pass


class LibraryError(WhetstoneError):
    pass


class ReadError(WhetstoneError):
    pass


class PasswordError(ReadError):
    pass


class FetchError(WhetstoneError):
    pass


class MetadataError(WhetstoneError):
    pass


class CollectionError(WhetstoneError):
    pass


class PeopleError(WhetstoneError):
    pass


class RoleError(WhetstoneError):
    pass


class QuestionError(WhetstoneError):
    pass


class ModelError(WhetstoneError):
    pass


class ImportFormatError(WhetstoneError):
    pass


class TrainingError(WhetstoneError):
    pass


class PromotionError(WhetstoneError):
    pass


class Cancelled(WhetstoneError):
    pass


_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_DISK_FULL = "The disk is full. Free some space, then try again; what was stored before is unharmed."
_OF_SQLITE = {
    sqlite3.SQLITE_FULL: _DISK_FULL,
    sqlite3.SQLITE_BUSY: "Another program holds the library's database. Close it or wait for its end, then try again.",
    sqlite3.SQLITE_READONLY: "The library's database can't be written. Look at the rights of its folder and its disk.",
    sqlite3.SQLITE_CORRUPT: "The library's database is damaged. See 'python -m indexer check', or restore a backup.",
}


def explain_storage_error(error: sqlite3.Error | OSError) -> str:
    """One sentence for what the database or the file system refused, and where to look."""
    if isinstance(error, sqlite3.Error):
        # The lower byte is the kind of error, the rest says more about it.
        known = _OF_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        said = f"The library's database can't be used ({error}). Look at the disk, the rights and other programs on it."
        return known or said
    if error.errno in _FULL:
        return _DISK_FULL
    return f"That can't be read or written: {error}. Look at the disk and the rights."
