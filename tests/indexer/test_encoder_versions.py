"""A registered version is loaded only with the files its vectors were made with."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import ModelError
from core.settings import PACKAGED_MODEL, Settings
from core.types import DocumentState, JobKind, JobState
from indexer.encoder import load_encoder, load_version
from indexer.ingest import add_file
from indexer.model_sources import find_model_folder
from indexer.start import ensure_active_model
from jobs.worker import run_or_wait
from storage import jobs, library
from tests.models import make_seed_like_model
from tests.papers import make_paper, write


def test_papers_are_not_embedded_with_weights_put_in_the_place_of_others(
    settings: Settings, db: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    make_seed_like_model(folder)
    version = ensure_active_model(replace(settings, model=str(folder))).version
    make_seed_like_model(tmp_path / "another", seed=1)
    (tmp_path / "another" / "model.safetensors").replace(folder / "model.safetensors")
    document, _ = add_file(settings, write(tmp_path, "a.pdf", make_paper("On Light", ["Gravity bends light."])))
    job = run_or_wait(settings, jobs.add_job(db, JobKind.INGEST))
    assert job.state is JobState.FAILED
    assert "not those its vectors were made with" in (job.reason or "")
    assert library.get_document(db, document.id).state is DocumentState.FAILED
    with pytest.raises(ModelError, match="not those"):
        load_version(version, settings.home)


def test_a_version_whose_folder_is_gone_is_not_asked_of_the_hub(settings: Settings) -> None:
    with pytest.raises(ModelError, match="is gone from the library"):
        find_model_folder("models/v1", settings.home)


@pytest.mark.parametrize("source", ["~nobody-of-this-name/x", "x" * 5000])
def test_a_name_that_can_be_no_folder_is_one_sentence(settings: Settings, source: str) -> None:
    with pytest.raises(ModelError, match="Check the name"):
        load_encoder(source, settings.home)


def test_truncated_weights_are_one_sentence(settings: Settings, tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "model")
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="can't be loaded"):
        load_encoder(str(tmp_path / "model"), settings.home)
    assert load_encoder(PACKAGED_MODEL, settings.home).dimension == 384


def test_a_module_with_pickled_weights_is_refused(settings: Settings, tmp_path: Path) -> None:
    make_seed_like_model(tmp_path / "model")
    (tmp_path / "model" / "3_Dense").mkdir()
    (tmp_path / "model" / "3_Dense" / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(ModelError, match=r"3_Dense/pytorch_model.bin"):
        load_encoder(str(tmp_path / "model"), settings.home)
