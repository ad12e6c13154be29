"""Who asks for a retrain gets theirs, or hears why not, also where several ask at once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

from sqlite_utils import Database

from core.errors import TrainingError
from core.settings import Settings
from indexer.start import ensure_active_model
from storage import jobs, library
from storage.database import open_database
from storage.judgements import store_judgement
from tests.makers import store_paper
from training.queueing import queue_retrain
from training.recipe.settings import PRESETS

_AT_ONCE, _ROUNDS = 8, 10


def test_of_several_retrains_asked_for_at_once_each_is_its_own_or_refused(settings: Settings, db: Database) -> None:
    ensure_active_model(settings)
    paper = store_paper(db, "aa", ["alpha one", "beta two"])
    for chunk in library.chunks_of_document(db, paper.id):
        store_judgement(db, f"{chunk.text}?", chunk.id, 1)
    ready = Barrier(_AT_ONCE)

    def ask(epochs: int) -> int | None:
        """The epochs of the retrain that is told to be under way now."""
        with open_database(settings.database) as own:
            ready.wait()
            try:
                return queue_retrain(own, replace(PRESETS["default"], epochs=epochs)).params["epochs"]
            except TrainingError:
                return None

    with ThreadPoolExecutor(_AT_ONCE) as executor:
        for _ in range(_ROUNDS):
            told = list(executor.map(ask, range(1, _AT_ONCE + 1)))
            (job,) = jobs.open_jobs(db)
            assert [epochs for epochs in told if epochs is not None] == [job.params["epochs"]]
            jobs.request_cancel(db, job.id)
