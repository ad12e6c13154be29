"""Random steps on a real library, beside a plain account of what must be in it, compared after each step.

Papers are read in this process rather than in a child, and the trained versions are not trained but made by chance;
all else is what the app runs.
"""

import hashlib
import inspect
import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import faiss
import torch
from fastapi import Request
from safetensors.torch import load_file, save_file
from sqlite_utils import Database

import indexer.ingest
from api.documents import original, original_pdf, page_picture
from api.served import Pictures
from api.services import Services
from core.errors import NotFoundError
from core.people import Role, User, viewing
from core.settings import Settings
from core.types import JobKind, JobState, ModelState, PaperFile, content_hash
from indexer.encoder import load_encoder
from indexer.ingest import add_file, embed_missing, remove_documents, run_ingest
from indexer.pdf import read_paper
from indexer.reader import ReadLimits
from jobs.check import check_library, repair_library
from search.gpu import Device
from search.map.draw import run_map
from search.searcher import Searcher, SearchRequest
from storage import jobs, judgements, library, maps, models, proposals
from storage.database import open_database, prepare_database
from storage.half_done import HALF_DONE
from storage.people import add_user, remove_user
from tests.coroutines import run_to_its_end
from tests.libraries import TOPICS, Silent, make_library
from tests.papers import make_paper
from training.data.exchange import export_judgements
from training.data.lineage import learnt_from_removed
from training.promotion import run_switch
from training.propose import run_propose

_PAPERS = 14
_MOST_VERSIONS = 5
_STEPS_BETWEEN_LOOKS_AT_BYTES = 25
# A browser that has kept no picture.
_ANYBODY = Request({"type": "http", "headers": []})


@dataclass
class _Paper:
    """A paper that must be in the library: `verdicts` by question, passage and judge, each with its own number."""

    id: int
    names: list[str]
    ingested: bool = False
    verdicts: dict[tuple[str, int, str], tuple[int, int]] = field(default_factory=dict)


@dataclass
class _Version:
    """A version made from the active one: the verdicts it knew, the texts it learnt; whether some have gone since."""

    id: int
    parent: int
    verdicts: set[int]
    texts: set[str]
    of_removed: bool = False


async def _result(answer: Awaitable[Any]) -> Any:
    return await answer


class Walk:
    """One library, walked through by steps drawn from a seed. Raises AssertionError where it is not as accounted."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._chance = random.Random(seed)
        self._folder = folder
        self.settings: Settings = make_library(folder / "library", folder / "model")
        self._papers: dict[int, _Paper] = {}
        self._versions: dict[int, _Version] = {}
        self._active: list[int] = [1]
        self._verdicts = 0
        # Two users, and a command that judges for nobody.
        with open_database(self.settings.database) as db:
            self._people: list[User | None] = [None, add_user(db, "judge 1", Role.ADMIN)]
            self._people.append(add_user(db, "judge 2", Role.JUDGE))
        self._people_ever = 2
        self._gone: set[int] = set()
        self.taken: Counter[str] = Counter()
        # As the app does: a query on several threads waits for the slowest of them.
        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)
        # A child process for each paper would take nearly all the time.
        indexer.ingest.read_paper_isolated = _read_here
        indexer.ingest._SECONDS_BETWEEN_LOOKS = 0.01
        self._open()

    def _open(self) -> None:
        """As the app does when it starts."""
        prepare_database(self.settings.database)
        # Like a second process: while it is there, the log is not emptied by itself.
        self._another = sqlite3.connect(self.settings.database)
        self._another.execute("SELECT count(*) FROM documents").fetchone()
        self._searcher = Searcher(self.settings)
        self._services = Services(self.settings, self._searcher, Device("CPU", "a test"), "a test")
        self._pictures = Pictures(self._services.drawer)
        with open_database(self.settings.database) as db:
            jobs.requeue_interrupted(db)

    def step(self) -> None:
        """One random step, and a look whether all is as it must be."""
        steps: dict[Callable[[Database], object], int] = {
            self._add: 22,
            self._add_under_another_name: 6,
            self._ingest: 14,
            self._remove: 16,
            self._remove_and_die: 3,
            self._judge: 22,
            self._take_back: 4,
            self._leave: 2,
            self._train: 3,
            self._switch: 3,
            self._undo: 3,
            self._restart: 4,
            self._draw: 4,
            self._propose: 3,
        }
        (chosen,) = self._chance.choices(list(steps), list(steps.values()))
        with open_database(self.settings.database) as db:
            if chosen(db) is not False:
                self.taken[chosen.__name__.lstrip("_")] += 1
            self._compare(db)
        if sum(self.taken.values()) % _STEPS_BETWEEN_LOOKS_AT_BYTES == 0:
            self._look_at_bytes()

    # --- steps ---

    def _add(self, db: Database) -> object:
        number = self._chance.randrange(_PAPERS)
        if number in self._papers:
            return False
        document, new = add_file(self.settings, self._file(number, f"{_mark(number)}.pdf"))
        assert new
        self._papers[number] = _Paper(document.id, list(document.names))
        self._gone.discard(number)
        return self._ingest(db) if self._chance.random() < 0.7 else None

    def _add_under_another_name(self, db: Database) -> object:
        if not self._papers:
            return False
        number = self._chance.choice(list(self._papers))
        paper, name = self._papers[number], f"{_mark(number)}-{self._chance.randrange(3)}.pdf"
        document, new = add_file(self.settings, self._file(number, name))
        assert (document.id, new) == (paper.id, False)
        if name not in paper.names:
            paper.names.append(name)
        return None

    def _ingest(self, db: Database) -> object:
        version = models.get_model(db, self._active[-1])
        run_ingest(self.settings, self._searcher.live_model(db).encoder, version, Silent())
        for paper in self._papers.values():
            paper.ingested = True
        return None

    def _remove(self, db: Database) -> object:
        if not self._papers:
            return False
        numbers = self._chance.sample(list(self._papers), min(len(self._papers), self._chance.choice((1, 1, 2))))
        ids = [self._papers[number].id for number in numbers]
        self._account_for_removal(db, numbers)
        remove_documents(self.settings, ids)
        return None

    def _remove_and_die(self, db: Database) -> object:
        """The process dies after the rows are gone and before the file is: the next repair takes the file away."""
        if not self._papers:
            return False
        number = self._chance.choice(list(self._papers))
        self._account_for_removal(db, [number])
        library.remove_documents(db, [self._papers_gone_id])
        assert [problem.kind for problem in check_library(self.settings).problems] == ["originals"]
        assert [one.done for one in repair_library(self.settings)] == ["1 file removed."]
        return None

    def _judge(self, db: Database) -> object:
        judged = [paper for paper in self._papers.values() if paper.ingested]
        if not judged:
            return False
        paper = self._chance.choice(judged)
        chunk = self._chance.choice(library.chunks_of_document(db, paper.id))
        question, relevance = f"What about {self._chance.choice(TOPICS)}?", self._chance.choice((0, 1, 1))
        user = self._chance.choice(self._people)
        key = (question, chunk.id, _name_of(user))
        known = paper.verdicts.get(key)
        with viewing(user):
            new = judgements.store_judgement(db, question, chunk.id, relevance)
        assert new == (known is None or known[1] != relevance)
        if known is None:
            self._verdicts += 1
        paper.verdicts[key] = (self._verdicts if known is None else known[0], relevance)
        return None

    def _take_back(self, db: Database) -> object:
        """By one who has judged it, and by one who has not: what others say stays."""
        given = [(paper, key) for paper in self._papers.values() for key in paper.verdicts]
        if not given:
            return False
        paper, (question, chunk, _) = self._chance.choice(given)
        user = self._chance.choice(self._people)
        with viewing(user):
            taken = judgements.take_back_judgement(db, question, chunk)
        assert taken == (paper.verdicts.pop((question, chunk, _name_of(user)), None) is not None)
        return None

    def _leave(self, db: Database) -> None:
        """One of the users goes, whose verdicts stay under the name, and another comes."""
        user = self._people.pop()
        assert user is not None
        remove_user(db, user.id)
        self._people_ever += 1
        self._people.append(add_user(db, f"judge {self._people_ever}", Role.JUDGE))

    def _train(self, db: Database) -> object:
        """A version as a retrain leaves it, active at once; its weights are the parent's with some noise."""
        if len(self._versions) >= _MOST_VERSIONS or not any(paper.verdicts for paper in self._papers.values()):
            return False
        parent = models.get_model(db, self._active[-1])
        name = f"v{len(self._versions) + 1}"
        half_done, folder = self.settings.models / HALF_DONE, self.settings.models / name
        shutil.copytree(self._folder / "model", half_done)
        weights = load_file(half_done / "model.safetensors")
        generator = torch.Generator().manual_seed(len(self._versions))
        noisy = {key: value + 0.05 * torch.randn(value.shape, generator=generator) for key, value in weights.items()}
        save_file(noisy, half_done / "model.safetensors", metadata={"format": "pt"})
        half_done.replace(folder)
        encoder = load_encoder(f"models/{name}", self.settings.home)
        version = models.add_model(
            db,
            name=name,
            source=f"models/{name}",
            dimension=encoder.dimension,
            window=encoder.window,
            fingerprint=encoder.fingerprint,
            parent_id=parent.id,
            state=ModelState.PREPARING,
        )
        embed_missing(self.settings, encoder, version, Silent())
        judged = judgements.list_judgements(db)
        texts = {one.text for one in judged if one.relevance}
        report = {
            "judgement_ids": [one.id for one in judged],
            "trained_passages": sorted(map(content_hash, texts)),
        }
        models.set_model_ready(db, version.id, report)
        models.activate_model(db, version.id)
        verdicts = {serial for paper in self._papers.values() for serial, _ in paper.verdicts.values()}
        self._versions[version.id] = _Version(version.id, parent.id, verdicts, texts)
        self._active.append(version.id)
        return None

    def _switch(self, db: Database) -> object:
        if not self._versions:
            return False
        wanted = self._chance.choice([1, *self._versions])
        self._run_switch(db, {"model_id": wanted})
        if self._active[-1] != wanted:
            self._active.append(wanted)
        return None

    def _undo(self, db: Database) -> object:
        if len(self._active) < 2:
            return False
        self._run_switch(db, {"undo": True})
        self._active.pop()
        return None

    def _run_switch(self, db: Database, params: dict[str, object]) -> None:
        job = jobs.add_job(db, JobKind.SWITCH, params)
        jobs.start_job(db, job.id)
        run_switch(self.settings, job, Silent())
        jobs.finish_job(db, job.id, JobState.DONE)

    def _restart(self, db: Database) -> None:
        self._open()

    def _draw(self, db: Database) -> object:
        """The map, whose groups are called by words of the papers."""
        if not any(paper.ingested for paper in self._papers.values()):
            return False
        job = jobs.add_job(db, JobKind.MAP, {})
        run_map(self.settings, job, Silent())
        jobs.finish_job(db, job.id, JobState.DONE)
        return None

    def _propose(self, db: Database) -> object:
        """What to judge next, of which a part are questions made of words of the papers."""
        job = jobs.add_job(db, JobKind.PROPOSE, {})
        run_propose(self.settings, job, Silent())
        jobs.finish_job(db, job.id, JobState.DONE)
        return None

    # --- the account ---

    def _account_for_removal(self, db: Database, numbers: list[int]) -> None:
        for number in numbers:
            paper = self._papers.pop(number)
            self._gone.add(number)
            self._papers_gone_id = paper.id
            verdicts = {serial for serial, _ in paper.verdicts.values()}
            texts = {chunk.text for chunk in library.chunks_of_document(db, paper.id)}
            for version in self._versions.values():
                version.of_removed |= bool(version.verdicts & verdicts or version.texts & texts)

    def _compare(self, db: Database) -> None:
        documents = {document.id: document for document in library.list_documents(db)}
        assert {key: list(document.names) for key, document in documents.items()} == {
            paper.id: paper.names for paper in self._papers.values()
        }
        originals = {f"{document.sha256}.pdf" for document in documents.values()}
        assert {path.name for path in self.settings.originals.iterdir()} == originals

        given = Counter(
            (question, documents[paper.id].sha256, relevance, judge)
            for paper in self._papers.values()
            for (question, _, judge), (_, relevance) in paper.verdicts.items()
        )
        exported = map(json.loads, export_judgements(db))
        assert (
            Counter((one["query"], one["sha256"], one["relevance"], one.get("judge", "")) for one in exported) == given
        )

        active = models.active_model(db)
        assert active is not None
        assert active.id == self._active[-1]
        for version in models.list_models(db):
            assert learnt_from_removed(db, version) == self._of_removed(version.id), version.name

        self._compare_search(db)
        self._compare_routes()
        self._compare_maps(db, set(documents))

    def _of_removed(self, version_id: int) -> bool:
        version = self._versions.get(version_id)
        return version is not None and (version.of_removed or self._of_removed(version.parent))

    def _compare_search(self, db: Database) -> None:
        """The index holds the passages that are there and have a vector, each once, and a search finds no others."""
        question = f"What is told about {_mark(self._chance.randrange(_PAPERS))}?"
        hits = self._searcher.search(SearchRequest(question, k=50)).hits
        live = self._searcher.live_model(db)
        held = live.index.ids.tolist()
        chunks = db.conn.execute("SELECT id, document_id FROM chunks").fetchall()
        assert sorted(held) == sorted(chunk for chunk, _ in chunks)
        assert {document for _, document in chunks} == {paper.id for paper in self._papers.values() if paper.ingested}
        assert len(hits) == min(50, len(held))
        text = " ".join(f"{hit.chunk.text} {hit.chunk.document} {hit.chunk.file_name}" for hit in hits).casefold()
        assert not [number for number in self._gone if _mark(number) in text]

    def _compare_maps(self, db: Database, live: set[int]) -> None:
        """No map shows, and no proposal asks for, what is gone."""
        for version in models.list_models(db):
            stored = maps.load_map(db, version.id)
            if stored is not None:
                assert {paper.document_id for paper in stored.papers} <= live
                assert {passage.document_id for passage in stored.passages} <= live
        assert {one.chunk.document_id for one in proposals.list_proposals(db)} <= live

    def _compare_routes(self) -> None:
        """A page picture and the original of a paper that is there, and none of an id that is not."""
        ids = {paper.id for paper in self._papers.values()}
        wanted = self._chance.choice([*ids, self._chance.randrange(1, 2 + max(ids, default=1))])
        routes: tuple[Callable[[], object], ...] = (
            lambda: page_picture(_ANYBODY, self._services, self._pictures, wanted, 1, 400),
            lambda: original_pdf(self._services, wanted),
            lambda: original(self._services, wanted),
        )
        for route in routes:
            try:
                answer = route()
                if inspect.isawaitable(answer):
                    answer = run_to_its_end(_result(answer))
            except NotFoundError:
                assert wanted not in ids
            else:
                assert wanted in ids
                assert answer.status_code == 200

    def _look_at_bytes(self) -> None:
        """Nothing of a removed paper is left in any byte of the library: not in freed pages, not in a log."""
        for path in self.settings.home.rglob("*"):
            if path.is_file():
                content = path.read_bytes().lower()
                left = [number for number in self._gone if _mark(number).encode() in content]
                assert not left, (path, left)

    def _file(self, number: int, name: str) -> Path:
        """The paper's file; it tells of itself by a word that no other has."""
        mark = _mark(number)
        topic = f"{TOPICS[number % len(TOPICS)]} {mark}"
        text = [
            f"Sentence {n} of this paper tells one more thing about {topic} and why." for n in range(4 + number % 3)
        ]
        path = self._folder / name
        path.write_bytes(make_paper(f"On {topic}", [" ".join(text)]))
        return path


def _name_of(user: User | None) -> str:
    return "" if user is None else user.name


def _mark(number: int) -> str:
    """A word that stands in one paper only."""
    return "zq" + hashlib.sha256(str(number).encode()).hexdigest()[:10].translate(
        str.maketrans("0123456789", "ghijklmnop")
    )


def _read_here(file: PaperFile, limits: ReadLimits, *_: object) -> object:
    return read_paper(file.path, file.name)
