from dataclasses import replace

import pytest
from sqlite_utils import Database

from core.errors import LibraryError, ModelError, NotFoundError
from core.settings import Settings
from core.types import ModelVersion, content_hash
from indexer.encoder import Encoder, fingerprint_folder
from indexer.start import ensure_active_model
from search.searcher import Searcher, SearchRequest
from storage import library, models, vectors
from tests.makers import embed_all, store_paper

RECIPES = ["Bread dough rises when yeast makes gas.", "Rice is washed before it is boiled."]
PHYSICS = ["A photon has no mass.", "Gravity bends the path of light."]


@pytest.fixture
def active(settings: Settings) -> ModelVersion:
    return ensure_active_model(settings).version


@pytest.fixture
def searcher(settings: Settings) -> Searcher:
    return Searcher(settings)


def test_the_passage_that_answers_comes_first_with_its_place(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    store_paper(db, "cook", RECIPES)
    physics = store_paper(db, "physics", PHYSICS)
    embed_all(db, active, minilm)
    result = searcher.search(SearchRequest("does gravity act on light?", k=3))
    first = result.hits[0]
    assert first.chunk.text == PHYSICS[1]
    assert (first.rank, first.chunk.document_id, first.chunk.page) == (1, physics.id, 1)
    assert (first.chunk.start, first.chunk.end) == (23, 23 + len(PHYSICS[1]))
    assert [hit.rank for hit in result.hits] == [1, 2, 3]
    assert [hit.score for hit in result.hits] == sorted((hit.score for hit in result.hits), reverse=True)
    assert result.model == active


def test_only_the_chosen_papers_answer(db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder) -> None:
    cook = store_paper(db, "cook", RECIPES)
    store_paper(db, "physics", PHYSICS)
    embed_all(db, active, minilm)
    assert searcher.search(SearchRequest("light", document_ids=())).hits == ()
    hits = searcher.search(SearchRequest("light", k=10, document_ids=(cook.id,))).hits
    assert {hit.chunk.document_id for hit in hits} == {cook.id}
    assert len(hits) == 2


@pytest.mark.parametrize("question", ["", "   ", "\n\t"])
def test_an_empty_question_has_no_hits(searcher: Searcher, active: ModelVersion, question: str) -> None:
    assert searcher.search(SearchRequest(question)).hits == ()


def test_an_empty_library_has_no_hits(searcher: Searcher, active: ModelVersion) -> None:
    assert searcher.search(SearchRequest("anything")).hits == ()


def test_k_is_kept_within_its_limits(db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder) -> None:
    store_paper(db, "many", [f"sentence number {n}" for n in range(60)])
    embed_all(db, active, minilm)
    assert len(searcher.search(SearchRequest("number", k=1000)).hits) == 50
    assert len(searcher.search(SearchRequest("number", k=0)).hits) == 1


def test_a_removed_paper_is_in_no_result_and_an_added_one_is_at_once(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    cook = store_paper(db, "cook", RECIPES)
    embed_all(db, active, minilm)
    assert len(searcher.search(SearchRequest("rice")).hits) == 2
    library.remove_documents(db, [cook.id])
    assert searcher.search(SearchRequest("rice")).hits == ()
    store_paper(db, "physics", PHYSICS)
    embed_all(db, active, minilm)
    assert len(searcher.search(SearchRequest("rice")).hits) == 2


def test_the_searcher_follows_a_switch_made_elsewhere(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder, settings: Settings
) -> None:
    store_paper(db, "cook", RECIPES)
    embed_all(db, active, minilm)
    searcher.search(SearchRequest("rice"))
    folder = settings.models / "copy"
    minilm.model.save_pretrained(str(folder))

    copy = models.add_model(
        db, name="copy", source="models/copy", dimension=384, window=256, fingerprint=fingerprint_folder(folder)
    )
    embed_all(db, copy, minilm)
    models.activate_model(db, copy.id)
    assert searcher.search(SearchRequest("rice")).model.name == "copy"
    models.undo_activation(db)
    assert searcher.search(SearchRequest("rice")).model == active


def test_a_model_whose_files_changed_is_refused_rather_than_mixed_with_old_vectors(
    db: Database, settings: Settings, active: ModelVersion, searcher: Searcher
) -> None:
    changed = replace(active, fingerprint="other")
    db["models"].update(active.id, {"fingerprint": changed.fingerprint})
    with pytest.raises(ModelError, match="not those its vectors were made with"):
        searcher.search(SearchRequest("rice"))


def test_a_library_without_a_model_says_what_to_do(searcher: Searcher) -> None:
    with pytest.raises(LibraryError, match="no model yet"):
        searcher.search(SearchRequest("rice"))


def test_blind_search_mixes_two_models_and_tells_nothing_of_either(
    db: Database, settings: Settings, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    paper = store_paper(db, "cook", RECIPES + PHYSICS)
    embed_all(db, active, minilm)
    with pytest.raises(NotFoundError, match="only one model"):
        searcher.search_blind(SearchRequest("does gravity act on light?"))

    folder = settings.models / "v1"
    minilm.model.save_pretrained(str(folder))
    rival = models.add_model(
        db,
        name="v1",
        source="models/v1",
        dimension=384,
        window=256,
        fingerprint=fingerprint_folder(folder),
        parent_id=active.id,
    )
    # A rival that takes bread for gravity: each text has another text's vector.
    texts = RECIPES + PHYSICS
    vectors.store_vectors(db, rival.id, [content_hash(text) for text in texts], minilm.encode_passages(texts[::-1]))
    request = SearchRequest("does gravity act on light?", k=2)
    blind = searcher.search_blind(request)
    assert {hit.chunk.text for hit in blind.hits} == {PHYSICS[1], RECIPES[0]}
    assert {hit.score for hit in blind.hits} == {0.0}
    assert len(searcher.search_blind(SearchRequest(request.query, k=3)).hits) == 3
    assert searcher.search_blind(request).hits == blind.hits
    orders = {
        tuple(hit.chunk.text for hit in searcher.search_blind(SearchRequest(f"does gravity act on light? {n}", 2)).hits)
        for n in range(12)
    }
    assert len(orders) > 1
    models.activate_model(db, rival.id)
    assert {hit.chunk.document_id for hit in searcher.search_blind(request).hits} == {paper.id}
