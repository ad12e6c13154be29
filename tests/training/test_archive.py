"""A version as one zip: out of a library, into another, and what is no version refused without a trace."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from sqlite_utils import Database

from core.errors import ImportFormatError, ModelError
from core.settings import Settings, load_settings
from core.types import JobKind, JobState, ModelVersion
from indexer.encoder import load_encoder
from indexer.model_sources import fingerprint_folder
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs, library, models
from storage.database import open_database, prepare_database
from storage.judgements import list_judgements, store_judgement
from tests.makers import store_paper
from tests.models import make_seed_like_model
from training.archive import export_version, import_version
from training.data.lineage import learnt_by, learnt_from_removed


@pytest.fixture
def version(settings: Settings, db: Database) -> ModelVersion:
    """A trained version, as far as the library knows, with one judgement behind it."""
    paper = store_paper(db, "aa", ["Gravity bends light.", "Yeast makes bread rise."])
    store_judgement(db, "What bends light?", library.chunks_of_document(db, paper.id)[0].id, 1)
    folder = settings.models / "v1"
    make_seed_like_model(folder)
    encoder = load_encoder(str(folder), settings.home)
    version = models.add_model(
        db,
        name="v1",
        source="models/v1",
        dimension=encoder.dimension,
        window=encoder.window,
        fingerprint=encoder.fingerprint,
    )
    used = [judgement.id for judgement in list_judgements(db)]
    models.set_model_ready(db, version.id, {"trained_on": ["what bends light"], "judgement_ids": used})
    return models.get_model(db, version.id)


@pytest.fixture
def other(tmp_path: Path) -> Settings:
    """Another library, with a model and a paper of its own."""
    other = load_settings(home=tmp_path / "other")
    other.prepare_home()
    prepare_database(other.database)
    ensure_active_model(other)
    return other


def test_a_version_goes_to_another_library_with_its_card_pairs_and_metrics(
    settings: Settings, other: Settings, version: ModelVersion, tmp_path: Path
) -> None:
    (settings.home / version.source / "README.md").write_text("# v1")
    (settings.home / version.source / "optimizer.pt").write_bytes(b"a pickle")
    zipped = tmp_path / "v1.zip"
    export_version(settings, version.id, zipped)
    with zipfile.ZipFile(zipped) as archive:
        names = set(archive.namelist())
        pairs = [json.loads(line) for line in archive.read("pairs.jsonl").decode().splitlines()]
    assert {"metrics.json", "pairs.jsonl", "model/README.md", "model/modules.json", "model/model.safetensors"} < names
    assert not any(name.endswith(".pt") for name in names)
    assert [(pair["query"], pair["text"], pair["relevance"]) for pair in pairs] == [
        ("What bends light?", "Gravity bends light.", 1)
    ]

    taken = import_version(other, zipped)
    assert (taken.name, taken.source, taken.fingerprint) == ("v1", "models/v1", version.fingerprint)
    assert fingerprint_folder(other.home / taken.source) == version.fingerprint
    with open_database(other.database) as db:
        active = models.active_model(db)
    assert active is not None
    assert active.id != taken.id
    texts = ["Gravity bends light.", "What?"]
    before, after = (load_encoder(one.source, home) for one, home in ((version, settings.home), (taken, other.home)))
    assert np.abs(before.encode_passages(texts) - after.encode_passages(texts)).max() < 1e-6
    with pytest.raises(ImportFormatError, match="in the library already: it is 'v1'"):
        import_version(other, zipped)


def test_an_imported_version_is_compared_on_questions_it_has_not_learnt(
    settings: Settings, other: Settings, version: ModelVersion, tmp_path: Path
) -> None:
    export_version(settings, version.id, tmp_path / "v1.zip")
    taken = import_version(other, tmp_path / "v1.zip")
    with open_database(other.database) as db:
        paper = store_paper(db, "bb", ["Gravity bends light.", "Yeast makes bread rise."])
        chunks = library.chunks_of_document(db, paper.id)
        store_judgement(db, "what bends light", chunks[0].id, 1)
        nothing_new = run_or_wait(other, jobs.add_job(db, JobKind.COMPARE, {"model_id": taken.id}))
        assert nothing_new.state is JobState.FAILED
        assert "has learnt from every question" in (nothing_new.reason or "")

        store_judgement(db, "what makes bread rise?", chunks[1].id, 1)
        job = run_or_wait(other, jobs.add_job(db, JobKind.COMPARE, {"model_id": taken.id}))
        assert (job.state, job.reason) == (JobState.DONE, None)
        report = models.get_model(db, taken.id).report
    assert [row["query"] for row in report["queries"]] == ["what makes bread rise?"]
    assert report["split"]["held_out_queries"] == 1
    assert report["outcome"] == "not enough evidence"
    assert report["before"][str(taken.dimension)]["ndcg@10"] == 1.0
    assert report["imported"]["name"] == "v1"
    # The weights are a stranger's, made by chance: what is generally known, they know less of.
    assert not report["guard"]["holds"]


def test_that_a_version_learnt_from_a_paper_since_removed_is_marked_and_goes_along(
    settings: Settings, other: Settings, version: ModelVersion, db: Database, tmp_path: Path
) -> None:
    store_paper(db, "bb", ["Nobody judged this."])
    child = models.add_model(db, name="v2", source="c", dimension=4, window=9, fingerprint="c", parent_id=version.id)
    library.remove_documents(db, [2])
    assert not learnt_from_removed(db, version)
    library.remove_documents(db, [1])
    marked = models.get_model(db, version.id)
    assert marked.removed_papers == 1
    assert learnt_from_removed(db, child)
    assert list_judgements(db) == []
    export_version(settings, version.id, tmp_path / "v1.zip")
    taken = import_version(other, tmp_path / "v1.zip")
    with open_database(other.database) as elsewhere:
        assert learnt_from_removed(elsewhere, models.get_model(elsewhere, taken.id))


def test_what_ancestors_have_learnt_and_were_chosen_on_goes_along(
    settings: Settings, other: Settings, version: ModelVersion, db: Database, tmp_path: Path
) -> None:
    report = {"trained_on": ["mother"], "trained_passages": ["aa"], "chosen_on": ["x"], "judgement_ids": []}
    parent = models.add_model(db, name="v0", source="p", dimension=4, window=9, fingerprint="p")
    models.set_model_ready(db, parent.id, report)
    with db.conn:
        db.conn.execute("UPDATE models SET parent_id = ? WHERE id = ?", (parent.id, version.id))
    export_version(settings, version.id, tmp_path / "v1.zip")
    taken = import_version(other, tmp_path / "v1.zip").report
    assert taken["trained_on"] == ["mother", "what bends light"]
    assert (taken["trained_passages"], taken["chosen_on"]) == (["aa"], ["x"])


def write_zip(path: Path, files: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


METRICS = json.dumps({"format": 1, "name": "v1", "fingerprint": "f", "report": {}})


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a.txt": "a"}, "is not an exported model version"),
        ({"metrics.json": "{"}, "no metrics.json that can be read"),
        ({"metrics.json": "[" * 100_000}, "no metrics.json that can be read"),
        ({"metrics.json": "[]"}, "lacks format, name, fingerprint, report"),
        ({"metrics.json": METRICS.replace('"format": 1', '"format": 9')}, "its format is 9, not 1"),
        ({"metrics.json": METRICS.replace("{}", '{"trained_on": [3]}')}, "not a list of questions"),
        ({"metrics.json": METRICS.replace("{}", '{"chosen_on": 3}')}, "'chosen_on' is not a list of questions"),
        ({"metrics.json": METRICS, "model/../../evil.json": "{}"}, "which lies outside of it"),
        ({"metrics.json": METRICS, "model/pytorch_model.bin": b"pickle"}, "which no model version has"),
        ({"metrics.json": METRICS, "model/modeling.py": "import os"}, "which no model version has"),
        ({"metrics.json": METRICS}, "neither a model folder"),
    ],
)
def test_what_is_no_version_is_refused_and_leaves_nothing(
    other: Settings, tmp_path: Path, files: dict[str, bytes | str], said: str
) -> None:
    with pytest.raises((ImportFormatError, ModelError), match=said):
        import_version(other, write_zip(tmp_path / "hostile.zip", files))
    assert list(other.models.iterdir()) == []
    assert not (tmp_path / "evil.json").exists()


@pytest.mark.parametrize(
    "name", ["model/../../evil.json", "model/..\\..\\evil.json", "model/c:evil.json", "model/x/../../../evil.json"]
)
def test_no_entry_leaves_the_folder(other: Settings, tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportFormatError, match="which (no model version has|lies outside of it)"):
        import_version(other, write_zip(tmp_path / "hostile.zip", {"metrics.json": METRICS, name: "{}"}))
    assert list(other.models.iterdir()) == []
    assert not list(tmp_path.rglob("*evil.json"))


def test_an_entry_that_says_it_is_a_link_becomes_a_file(other: Settings, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("model/config.json")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr("metrics.json", METRICS)
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ModelError, match="is not JSON"):
        import_version(other, tmp_path / "link.zip")
    assert list(other.models.iterdir()) == []


def test_a_zip_that_unpacks_to_far_more_than_it_holds_is_refused(other: Settings, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("metrics.json", METRICS)
        with archive.open("model/model.safetensors", "w") as file:
            for _ in range(80):
                file.write(bytes(1 << 20))
    assert (tmp_path / "bomb.zip").stat().st_size < 1 << 20
    with pytest.raises(ImportFormatError, match="unpacks to far more than a version has"):
        import_version(other, tmp_path / "bomb.zip")
    assert list(other.models.iterdir()) == []


def test_a_zip_of_very_many_files_is_refused(other: Settings, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"metrics.json": METRICS} | {f"model/{number}.json": "" for number in range(1000)}
    with pytest.raises(ImportFormatError, match="holds 1,001 files, and a version at most 1,000"):
        import_version(other, write_zip(tmp_path / "many.zip", files))
    assert list(other.models.iterdir()) == []


def test_what_the_disk_has_no_room_for_is_not_unpacked(
    other: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.archive.shutil.disk_usage", lambda folder: SimpleNamespace(free=(1 << 30) + 100))
    files: dict[str, bytes | str] = {"metrics.json": METRICS, "model/config.json": "x" * 51}
    with pytest.raises(ImportFormatError, match="than the disk has room for"):
        import_version(other, write_zip(tmp_path / "v1.zip", files))
    assert list(other.models.iterdir()) == []


def test_a_file_that_is_no_zip_is_refused(other: Settings, tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"PK and no more")
    with pytest.raises(ImportFormatError, match=r"'no.zip' can't be read as a zip"):
        import_version(other, tmp_path / "no.zip")
    with pytest.raises(ImportFormatError, match=r"'missing.zip' can't be read"):
        import_version(other, tmp_path / "missing.zip")


def test_a_version_changed_after_its_export_is_refused(
    settings: Settings, other: Settings, version: ModelVersion, tmp_path: Path
) -> None:
    export_version(settings, version.id, tmp_path / "v1.zip")
    with zipfile.ZipFile(tmp_path / "v1.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(files["model/config.json"]) | {"hidden_act": "relu"}
    files["model/config.json"] = json.dumps(config).encode()
    with pytest.raises(ImportFormatError, match="changed after its export|not the one"):
        import_version(other, write_zip(tmp_path / "changed.zip", files))
    assert list(other.models.iterdir()) == []


def test_the_active_model_of_no_known_base_has_nothing_to_be_compared_with(other: Settings) -> None:
    with open_database(other.database) as db:
        active = models.active_model(db)
        assert active is not None
        job = run_or_wait(other, jobs.add_job(db, JobKind.COMPARE, {"model_id": active.id}))
    assert job.state is JobState.FAILED
    assert "answers now" in (job.reason or "")


def test_a_copy_of_a_version_has_learnt_what_the_version_has(
    settings: Settings, version: ModelVersion, db: Database
) -> None:
    copy = models.add_model(
        db,
        name="copy",
        source="elsewhere",
        dimension=version.dimension,
        window=version.window,
        fingerprint=version.fingerprint,
    )
    assert learnt_by(db, copy).words == {"what bends light"}


def test_a_damaged_zip_is_one_sentence(
    settings: Settings, other: Settings, version: ModelVersion, tmp_path: Path
) -> None:
    export_version(settings, version.id, tmp_path / "v1.zip")
    with zipfile.ZipFile(tmp_path / "v1.zip") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        start = archive.getinfo("model/tokenizer.json").header_offset
    content = bytearray(packed.read_bytes())
    content[start + 60 : start + 160] = bytes(range(100))
    packed.write_bytes(content)
    with pytest.raises(ImportFormatError, match="can't be read as a zip"):
        import_version(other, packed)
    assert list(other.models.iterdir()) == []


def test_the_guard_is_asked_anew_beside_another_model(
    settings: Settings, other: Settings, version: ModelVersion, tmp_path: Path
) -> None:
    export_version(settings, version.id, tmp_path / "v1.zip")
    taken = import_version(other, tmp_path / "v1.zip")
    with open_database(other.database) as db:
        paper = store_paper(db, "bb", ["Gravity bends light.", "Yeast makes bread rise."])
        store_judgement(db, "what makes bread rise?", library.chunks_of_document(db, paper.id)[1].id, 1)
        first = run_or_wait(other, jobs.add_job(db, JobKind.COMPARE, {"model_id": taken.id}))
        assert (first.state, first.reason) == (JobState.DONE, None)
        beside_minilm = models.get_model(db, taken.id).report["guard"]
        make_seed_like_model(tmp_path / "weak", seed=3)
        run_or_wait(other, jobs.add_job(db, JobKind.SWITCH, {"source": str(tmp_path / "weak")}))
        weak = models.active_model(db)
        assert weak is not None
        run_or_wait(other, jobs.add_job(db, JobKind.COMPARE, {"model_id": taken.id}))
        beside_weak = models.get_model(db, taken.id).report
    assert beside_weak["base_model_id"] == weak.id
    assert beside_weak["guard"]["before"][0] < beside_minilm["before"][0] - 0.2
