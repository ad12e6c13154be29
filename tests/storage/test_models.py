import pytest
from sqlite_utils import Database

from core.errors import PromotionError
from storage import models
from tests.makers import register_model, store_paper, store_unit_vector


def test_a_model_becomes_active_only_when_no_chunk_lacks_its_vector(db: Database) -> None:
    model = register_model(db)
    store_paper(db, "aa", ["alpha"])
    with pytest.raises(PromotionError, match="1 passages"):
        models.activate_model(db, model.id)
    assert models.active_model(db) is None
    store_unit_vector(db, model, "alpha", 0)
    models.activate_model(db, model.id)
    assert models.active_model(db) == model


def test_undo_walks_back_through_every_activation(db: Database) -> None:
    one, two, three = (register_model(db, name) for name in ("one", "two", "three"))
    for model in (one, two, three):
        models.activate_model(db, model.id)
    assert models.undo_activation(db) == two
    assert models.undo_activation(db) == one
    with pytest.raises(PromotionError, match="no earlier model"):
        models.undo_activation(db)
    assert models.active_model(db) == one


def test_undo_is_refused_while_the_earlier_model_lacks_a_paper(db: Database) -> None:
    one, two = register_model(db, "one"), register_model(db, "two")
    models.activate_model(db, one.id)
    models.activate_model(db, two.id)
    store_paper(db, "aa", ["alpha"])
    store_unit_vector(db, two, "alpha", 0)
    with pytest.raises(PromotionError, match="lacks"):
        models.undo_activation(db)
    assert models.active_model(db) == two


def test_activating_the_active_model_again_leaves_nothing_to_undo(db: Database) -> None:
    one = register_model(db, "one")
    models.activate_model(db, one.id)
    models.activate_model(db, one.id)
    assert models.previous_model(db) is None


def test_other_weights_under_the_same_source_lose_the_old_vectors(db: Database) -> None:
    model = register_model(db)
    store_paper(db, "aa", ["alpha"])
    store_unit_vector(db, model, "alpha", 0)
    changed = models.add_model(db, name="four", source="four", dimension=4, window=64, fingerprint="other")
    assert (changed.id, changed.fingerprint) == (model.id, "other")
    assert db["embeddings"].count == 0


def test_other_weights_in_the_active_models_place_are_refused_and_its_vectors_stay(db: Database) -> None:
    model = register_model(db)
    store_paper(db, "aa", ["alpha"])
    store_unit_vector(db, model, "alpha", 0)
    models.activate_model(db, model.id)
    with pytest.raises(PromotionError, match="answers now with the files"):
        models.add_model(db, name="four", source="four", dimension=4, window=64, fingerprint="changed")
    assert db["embeddings"].count == 1
    assert models.active_model(db) == model
