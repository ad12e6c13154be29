import pytest
from sqlite_utils import Database

from core.people import EVERYBODY, Role, viewing
from core.settings import Settings
from core.types import ModelVersion
from storage import library, models
from storage.database import open_database
from storage.people import add_user
from storage.privacy import make_private
from tests.makers import register_model, store_paper
from training.retrain import finish_version


@pytest.fixture
def base(db: Database) -> ModelVersion:
    base = register_model(db, "base")
    models.activate_model(db, base.id)
    return base


@pytest.mark.parametrize(
    ("promote", "recommended", "active"),
    [(True, True, "new"), (True, False, "base"), (False, True, "base"), (False, False, "base")],
)
def test_a_version_takes_over_by_itself_only_where_it_is_told_to_and_recommended(
    db: Database, base: ModelVersion, promote: bool, recommended: bool, active: str
) -> None:
    finish_version(db, register_model(db, "new"), {"recommended": recommended}, promote=promote)
    now = models.active_model(db)
    assert now is not None
    assert now.name == active


def test_a_version_that_lacks_a_new_paper_waits(db: Database, base: ModelVersion) -> None:
    new = register_model(db, "new")
    store_paper(db, "aa", ["came in meanwhile"])
    finish_version(db, new, {"recommended": True}, promote=True)
    assert models.active_model(db) == base


def test_a_promotion_against_the_advice_is_recorded(db: Database, base: ModelVersion) -> None:
    advised, other = register_model(db, "advised"), register_model(db, "other")
    finish_version(db, advised, {"recommended": True}, promote=False)
    finish_version(db, other, {"recommended": False}, promote=False)
    for version in (advised, other):
        models.activate_model(db, version.id)
    models.undo_activation(db)
    assert models.promoted_against_advice(db) == {other.id}


def test_papers_that_went_while_a_version_learnt_from_them_are_counted(settings: Settings, db: Database) -> None:
    new, papers = register_model(db, "new"), [store_paper(db, name, [f"text {name}"]) for name in ("aa", "bb", "cc")]
    anna = add_user(db, "anna", Role.ADMIN)
    learnt = frozenset(paper.id for paper in papers)
    library.remove_documents(db, [papers[0].id])
    make_private(db, [papers[1].id], anna)
    # As a job works.
    with viewing(EVERYBODY), open_database(settings.database) as shared:
        finish_version(shared, new, {"recommended": False}, promote=False, papers=learnt)
    assert models.get_model(db, new.id).removed_papers == 2
