"""Whether anything was committed since one last looked, by any process."""

import sqlite3
import threading
from pathlib import Path


class ChangeWatch:
    """Counts the commits of all other handles on the database, in this process and in others."""

    def __init__(self, database: Path) -> None:
        # Kept open, because the count has a meaning within one handle only; it holds no lock and blocks nobody.
        self._connection = sqlite3.connect(database, check_same_thread=False)
        self._lock = threading.Lock()

    def mark(self) -> int:
        """A number that is another one after a commit."""
        with self._lock:
            return self._connection.execute("PRAGMA data_version").fetchone()[0]
