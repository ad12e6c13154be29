"""What the handlers of the page and of the API need, made once by app.py and passed in."""

from dataclasses import dataclass, field

from api.recent_warnings import RecentWarnings
from api.tries import Tries
from core.served import new_run
from core.settings import Settings
from indexer.drawing import Drawer
from search.gpu import Device
from search.searcher import Searcher


@dataclass(frozen=True, slots=True)
class Services:
    """`start_note` says why the model the app started with is in use; `run` is another one at each start.

    `tries` are those at a password, where one signs in or changes one's own.
    """

    settings: Settings
    searcher: Searcher
    device: Device
    start_note: str
    drawer: Drawer = field(default_factory=Drawer)
    run: str = field(default_factory=new_run)
    warnings: RecentWarnings = field(default_factory=RecentWarnings)
    tries: Tries = field(default_factory=Tries)
