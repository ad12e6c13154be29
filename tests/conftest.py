"""A new library for each test, with real SQLite on disk, and the packaged model, loaded once."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from sqlite_utils import Database

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TQDM_DISABLE"] = "1"

from core.settings import PACKAGED_MODEL, Settings, load_settings
from indexer.encoder import Encoder, load_encoder
from storage.database import open_database, prepare_database

# How long an example takes tells of the machine, not of the code.
hypothesis.settings.register_profile("whetstone", deadline=None)
hypothesis.settings.load_profile("whetstone")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in [name for name in os.environ if name.startswith("WHETSTONE_")]:
        monkeypatch.delenv(name)
    settings = load_settings(home=tmp_path / "library")
    settings.prepare_home()
    prepare_database(settings.database)
    return settings


@pytest.fixture
def db(settings: Settings) -> Iterator[Database]:
    with open_database(settings.database) as db:
        yield db


@pytest.fixture(scope="session")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(PACKAGED_MODEL, tmp_path_factory.mktemp("no-library"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the shared test data is not beside this checkout")
    return SHARED_DATA
