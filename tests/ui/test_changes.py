"""What is the same in every window is rendered once for all of them."""

import threading
import time

from core.settings import Settings
from storage import library
from storage.database import open_database
from ui.changes import ChangeWatch, SharedView


def test_many_windows_cost_one_rendering_a_change(settings: Settings) -> None:
    made: list[int] = []

    def count_papers() -> int:
        with open_database(settings.database) as db:
            made.append(library.count_documents(db))
        return made[-1]

    view = SharedView(ChangeWatch(settings.database), {"papers": count_papers})
    windows = [threading.Thread(target=view.look) for _ in range(20)]
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    assert made == [0]
    before = view.look()
    with open_database(settings.database) as db:
        library.add_document(db, "a" * 64, "a.pdf")
    after = view.look(at_once=True)
    assert (after.values["papers"], made) == (1, [0, 1])
    assert before.mark != after.mark
    assert before.digests != after.digests


def test_rendering_rests_while_commits_come_fast_and_then_catches_up(settings: Settings) -> None:
    def render_slowly() -> int:
        time.sleep(0.1)
        with open_database(settings.database) as db:
            return library.count_documents(db)

    view = SharedView(ChangeWatch(settings.database), {"papers": render_slowly})
    began, renderings = time.monotonic(), set()
    for number in range(10):
        with open_database(settings.database) as db:
            library.add_document(db, f"{number:064x}", "a.pdf")
        renderings.add(id(view.look()))
    assert len(renderings) <= 1 + (time.monotonic() - began) / 0.4
    assert view.look(at_once=True).values["papers"] == 10
    with open_database(settings.database) as db:
        library.add_document(db, "f" * 64, "a.pdf")
    deadline = time.monotonic() + 120
    while view.look().values["papers"] != 11:
        assert time.monotonic() < deadline
        time.sleep(0.05)
