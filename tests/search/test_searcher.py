from dataclasses import replace
from typing import Any

import pytest
from sqlite_utils import Database

from core.errors import LibraryError, ModelError, NotFoundError, QuestionError
from core.people import Role, viewing
from core.settings import Settings
from core.types import Chunk, ChunkKind, Filter, Metadata, ModelVersion, Page, SearchMode, Span, content_hash
from indexer.encoder import Encoder
from indexer.model_sources import fingerprint_folder
from indexer.start import ensure_active_model
from search.searcher import Searcher, SearchRequest, lacks_words
from storage import library, models, vectors
from storage.collections import create_collection, put_into_collection
from storage.people import add_user, find_user
from storage.readings import store_reading
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
    assert searcher.search(SearchRequest("light", filter=Filter(papers=()))).hits == ()
    hits = searcher.search(SearchRequest("light", k=10, filter=Filter(papers=(cook.id,)))).hits
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


def test_a_quoted_phrase_and_a_name_come_first_and_tell_their_ranks(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    others = [f"Whales of kind {number} sing long songs in the sea." for number in range(30)]
    store_paper(db, "sea", [*others, "The setting was whale-9B_x in all runs.", "In the sea songs are sung by whales."])
    embed_all(db, active, minilm)
    named = searcher.search(SearchRequest("what was whale-9B_x?", k=3)).hits[0]
    assert ("whale-9B_x" in named.chunk.text, named.lexical_rank, named.rank) == (True, 1, 1)
    quoted = searcher.search(SearchRequest('"songs are sung"', k=3)).hits[0]
    assert quoted.chunk.text == "In the sea songs are sung by whales."
    meaning = searcher.search(SearchRequest("songs of whales", k=5, mode=SearchMode.MEANING)).hits
    assert [(hit.dense_rank, hit.lexical_rank) for hit in meaning] == [(rank, None) for rank in range(1, 6)]
    words = searcher.search(SearchRequest("whale-9B_x", k=5, mode=SearchMode.WORDS)).hits
    assert [(hit.dense_rank, hit.lexical_rank) for hit in words] == [(None, rank) for rank in range(1, 6)]
    assert words[0].chunk == named.chunk
    assert words[0].score == pytest.approx(named.score, abs=0.3)


def test_reference_lists_come_last_unless_they_are_asked_for(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    texts = ["Lamport. The mutual exclusion problem. 1986.", "Mutual exclusion is hard.", "Bread rises."]
    kinds = [ChunkKind.REFERENCE, ChunkKind.BODY, ChunkKind.BODY]
    document, _ = library.add_document(db, "ff", "lamport.pdf")
    chunks = [Chunk(text, (Span(1, 0, 3),), kind=kind) for text, kind in zip(texts, kinds, strict=True)]
    store_reading(db, document.id, Metadata(), [Page(1, " ".join(texts), 612, 792)], chunks)
    embed_all(db, active, minilm)
    hits = searcher.search(SearchRequest("Lamport mutual exclusion problem", k=3)).hits
    assert [hit.chunk.kind for hit in hits] == [ChunkKind.BODY, ChunkKind.BODY, ChunkKind.REFERENCE]
    assert [hit.rank for hit in hits] == [1, 2, 3]
    asked = searcher.search(SearchRequest("references on the mutual exclusion problem, Lamport", k=3)).hits
    assert asked[0].chunk.text == texts[0]


def test_a_question_the_library_can_not_answer_is_told_with_the_nearest(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    crops = ("wheat", "rye", "barley", "oats", "maize", "rice", "millet", "spelt")
    facts = ("is sown in spring", "is harvested in late summer", "needs nitrogen", "suffers from rust", "is milled")
    texts = [f"The farmer knows that {crop} {fact} on good soil." for crop in crops for fact in facts]
    store_paper(db, "farm", texts)
    embed_all(db, active, minilm)
    few = searcher.search(SearchRequest("why does the violin have four strings?"))
    assert (few.floor, few.answered) == (None, True), "forty passages are too few to tell"
    store_paper(db, "farm2", [text.replace("good soil", "poor soil in the north") for text in texts])
    embed_all(db, active, minilm)
    off = searcher.search(SearchRequest("why does the violin have four strings?", k=5))
    assert (off.answered, len(off.hits)) == (False, 5)
    assert searcher.search(SearchRequest("when is barley harvested?")).answered
    assert searcher.search(SearchRequest('"poor soil"')).answered
    assert off.floor is not None
    assert max(hit.score for hit in off.hits) < off.floor
    # A name that stands nowhere answers nothing, though other words of the question do stand somewhere.
    assert not searcher.search(SearchRequest("is the violin on YouTube any good?")).answered
    assert not searcher.search(SearchRequest("violins of the XC-90 kind in the north?")).answered


def test_a_question_in_a_language_the_model_does_not_know_is_answered_by_its_words(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    crops, facts = "麦稻粟豆麻棉茶桑", ("春天播种", "夏末收割", "需要氮肥", "容易生锈病", "磨成粉末")
    store_paper(
        db, "farm", [f"农民知道{crop}在{soil}土地上{fact}。" for crop in crops for fact in facts for soil in "肥瘦"]
    )
    stars = store_paper(db, "stars", ["脉冲星是高速旋转的中子星，周期非常稳定。"])
    embed_all(db, active, minilm)
    assert minilm.spelling("how precisely do pulsars keep time?").unknown == 0
    assert minilm.spelling("脉冲星的周期稳定吗？").unknown > 0.5
    assert minilm.spelling("какова температура ядра?").pieces_a_word > 3.5
    assert minilm.spelling("how is the temperature of the core measured?").pieces_a_word < 1.3
    asked = searcher.search(SearchRequest("脉冲星的周期稳定吗？"))
    assert asked.hits[0].chunk.document_id == stars.id
    assert asked.floor is not None
    assert asked.answered
    assert not searcher.search(SearchRequest("卷積網絡")).answered, "none of its words stands in the library"


def test_a_removed_paper_is_not_found_by_its_words(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    gone, kept = store_paper(db, "aa", ["The zyzzyva eats palms."]), store_paper(db, "bb", RECIPES)
    embed_all(db, active, minilm)
    assert searcher.search(SearchRequest("zyzzyva", k=1)).hits[0].chunk.document_id == gone.id
    library.remove_documents(db, [gone.id])
    hits = searcher.search(SearchRequest("zyzzyva", mode=SearchMode.WORDS)).hits
    assert hits == ()
    assert {hit.chunk.document_id for hit in searcher.search(SearchRequest("zyzzyva")).hits} == {kept.id}


def test_a_filter_narrows_every_way_of_searching(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    store_paper(db, "cook", RECIPES)
    physics = store_paper(db, "physics", PHYSICS)
    embed_all(db, active, minilm)
    collection = create_collection(db, "Physics")
    put_into_collection(db, collection.id, [physics.id])
    for mode in SearchMode:
        hits = searcher.search(SearchRequest("bread and light", 5, Filter(collections=(collection.id,)), mode)).hits
        assert {hit.chunk.document_id for hit in hits} == {physics.id}
    assert searcher.search(SearchRequest("light", filter=Filter(year_from=1900))).hits == ()


def test_results_are_spread_over_papers_when_asked(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    whales = [f"Whales of kind {number} sing long songs in the sea." for number in range(12)]
    store_paper(db, "whales", whales)
    store_paper(db, "physics", PHYSICS)
    embed_all(db, active, minilm)
    request = SearchRequest("which songs do whales sing?", k=5)
    assert len({hit.chunk.document_id for hit in searcher.search(request).hits}) == 1
    spread = searcher.search(replace(request, spread=2)).hits
    assert [hit.chunk.file_name for hit in spread] == ["whales.pdf"] * 2 + ["physics.pdf"] * 2 + ["whales.pdf"]
    assert [hit.rank for hit in spread] == [1, 2, 3, 4, 5]
    assert spread[:2] == searcher.search(request).hits[:2]


def test_more_like_a_passage_is_near_to_it_and_not_itself(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    cook = store_paper(db, "cook", [*RECIPES, "Dough made with yeast rises while gas is made in it."])
    physics = store_paper(db, "physics", PHYSICS)
    with pytest.raises(NotFoundError, match="not embedded yet"):
        searcher.search(SearchRequest("", like=library.chunks_of_document(db, cook.id)[0].id))
    embed_all(db, active, minilm)
    bread = library.chunks_of_document(db, cook.id)[0]
    hits = searcher.search(SearchRequest("", like=bread.id)).hits
    assert hits[0].chunk.text == "Dough made with yeast rises while gas is made in it."
    assert bread.id not in {hit.chunk.id for hit in hits}
    assert [(hit.rank, hit.dense_rank) for hit in hits][:2] == [(1, 2), (2, 3)]
    only = searcher.search(SearchRequest("", filter=Filter(papers=(physics.id,)), like=bread.id)).hits
    assert {hit.chunk.document_id for hit in only} == {physics.id}
    with pytest.raises(NotFoundError, match="no passage with id 999"):
        searcher.search(SearchRequest("", like=999))


def test_what_a_question_names_and_no_passage_has_is_told(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    sea = store_paper(db, "sea", ["The setting was whale-9B_x in all runs.", "Whales sing long songs."])
    physics = store_paper(db, "physics", PHYSICS)
    embed_all(db, active, minilm)

    def missing(question: str, **asked: Any) -> tuple[str, ...]:
        result = searcher.search(SearchRequest(question, **asked))
        assert result.hits
        return result.missing

    assert missing("do whales of kind XYZ-12 sing?") == ("XYZ-12",)
    assert missing("is whale-9B_x like XYZ-12 or GPT4?") == ("XYZ-12", "GPT4")
    assert missing('"sing short songs"') == ("sing short songs",)
    assert missing("do whales sing?") == ()
    assert missing('"long songs"', filter=Filter(papers=(sea.id,))) == ()
    assert missing('"long songs"', filter=Filter(papers=(physics.id,))) == ("long songs",)
    assert missing("XYZ-12", mode=SearchMode.MEANING) == ()


def test_by_words_alone_there_are_as_many_as_are_asked_for(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.words.MOST_RANKED", 4)
    store_paper(db, "many", [*(f"The common thing of kind {number}." for number in range(9)), "A rare common thing."])
    embed_all(db, active, minilm)
    for k in (1, 5, 10):
        hits = searcher.search(SearchRequest("rare common thing", k, mode=SearchMode.WORDS)).hits
        assert (len(hits), hits[0].chunk.text) == (k, "A rare common thing.")


def test_where_nothing_is_found_nothing_answers_and_it_is_known_why(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    nothing = SearchRequest("zyzzyva", mode=SearchMode.WORDS)
    assert not searcher.search(nothing).answered
    assert not lacks_words(db, nothing), "the library is empty"
    store_paper(db, "cook", RECIPES)
    embed_all(db, active, minilm)
    for request in (nothing, SearchRequest("rice", filter=Filter(papers=())), SearchRequest("")):
        result = searcher.search(request)
        assert (result.hits, result.answered) == ((), False)
    assert lacks_words(db, nothing)
    assert not lacks_words(db, replace(nothing, filter=Filter(papers=())))
    assert not lacks_words(db, replace(nothing, mode=SearchMode.BOTH))


def test_passages_like_another_are_not_judged_blind(searcher: Searcher, active: ModelVersion) -> None:
    with pytest.raises(QuestionError, match="not judged blind"):
        searcher.search_blind(SearchRequest("why?", like=1))


def test_a_name_that_stands_only_in_anothers_private_paper_stands_nowhere(
    db: Database, active: ModelVersion, searcher: Searcher, minilm: Encoder
) -> None:
    ada, bo = add_user(db, "\u00c4da", Role.ADMIN), add_user(db, "Bo", Role.READ)
    store_paper(db, "physics", PHYSICS)
    private = store_paper(db, "sea", ["The setting was whale-9B_x in all runs."])
    db.conn.execute("UPDATE documents SET owner_id = ? WHERE id = ?", [ada.id, private.id])
    db.conn.commit()
    embed_all(db, active, minilm)
    for user, missing in ((find_user(db, "\u00e4DA"), ()), (bo, ("whale-9B_x",))):
        with viewing(user):
            assert searcher.search(SearchRequest("what was whale-9B_x?")).missing == missing
