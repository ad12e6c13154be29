"""What stands in a page's address is what its fields hold, whatever they hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_utils import Database

from core.errors import NotFoundError, QuestionError
from core.types import ChunkKind, Filter, KeptSearch, SearchMode
from search.searcher import SearchRequest
from storage.collections import create_collection
from tests.makers import store_paper
from ui.asking import SPREAD, Asked, from_address, from_fields, from_kept, to_address, to_kept, to_request

# Without the direction marks and lone surrogates, which no question keeps.
words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cs"]), min_size=1, max_size=30)
choices = st.lists(st.integers(0, 10**15) | words | st.sampled_from(["1984", "007"]), max_size=3).map(tuple)


@given(
    st.builds(
        Asked,
        question=words.filter(str.strip),
        k=st.integers(5, 50),
        papers=choices,
        blind=st.booleans(),
        collections=choices,
        years=st.sampled_from(["", "2017", "-2019"]),
        author=words | st.just(""),
        kinds=st.lists(st.sampled_from([str(kind) for kind in ChunkKind]), unique=True).map(tuple),
        mode=st.sampled_from(SearchMode),
        spread=st.none() | st.integers(1, 50),
        like=st.none() | st.integers(0, 10**15),
    )
)
def test_an_address_gives_back_what_it_was_made_of(asked: Asked) -> None:
    read = from_address(f"?tab=library&{to_address(asked)}")
    # Of typed words that look like an id the blank before them is kept.
    assert replace(read, papers=_typed(read.papers), collections=_typed(read.collections)) == replace(
        asked, papers=_typed(asked.papers), collections=_typed(asked.collections)
    )


def _typed(choices: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return tuple(choice.strip() if isinstance(choice, str) else choice for choice in choices)


def test_words_that_look_like_an_id_stay_words_in_an_address(db: Database) -> None:
    store_paper(db, "aa", ["one"])
    year = store_paper(db, "1984", ["two"]).id
    asked = from_address(to_address(Asked("q", papers=("1984",))))
    assert to_request(db, asked).filter.papers == (year,)


def test_a_search_of_a_program_is_asked_as_it_was(db: Database) -> None:
    for spread in (1, 2, 5):
        kept = KeptSearch("q", spread=spread)
        assert to_request(db, from_address(to_address(from_kept(kept)))).spread == spread
        assert to_kept(to_request(db, from_kept(kept))) == kept


def test_accents_of_a_title_may_be_written_in_any_way(db: Database) -> None:
    paper = store_paper(db, "the\u0301se", ["one"]).id
    for typed in ("th\u00e9se", "THE\u0301SE", "these"):
        assert to_request(db, Asked("q", papers=(typed,))).filter.papers == (paper,)


@given(st.text(max_size=200))
def test_any_address_is_read(text: str) -> None:
    from_address(text)


def test_what_no_field_can_hold_is_left_out_of_an_address() -> None:
    assert from_address("q=x&k=4&kind=y&mode=z&like=-1&paper=%20") == Asked("x", papers=(" ",))
    for address in ("q=" + "x" * 20_000, "&".join(["paper=1"] * 1001)):
        with pytest.raises(QuestionError):
            from_address(address)
    assert to_address(Asked(" ", papers=(1,))) == ""


def test_empty_fields_are_as_untouched_ones() -> None:
    assert from_fields("why?", None, None, None, None, None, None, None, None, None) == Asked("why?")
    assert from_fields(
        *Asked("why?", 7, (1,), True, ("x",), "2017", "A", ("body",), SearchMode.WORDS, SPREAD).fields
    ) == (Asked("why?", 7, (1,), True, ("x",), "2017", "A", ("body",), SearchMode.WORDS, SPREAD))


def test_choices_and_words_become_ids_and_never_nothing(db: Database) -> None:
    paper, other = store_paper(db, "aa", ["one"]).id, store_paper(db, "bb", ["two"]).id
    thesis = create_collection(db, "My thesis").id
    asked = Asked("q", 7, papers=("AA", other), collections=("thesis",), years="2015-", author="A", kinds=("table",))
    filter = Filter((paper, other), (thesis,), 2015, None, "A", (ChunkKind.TABLE,))
    request = to_request(db, asked)
    assert request == SearchRequest("q", 7, filter)
    assert from_kept(to_kept(request)) == Asked(
        "q", papers=(paper, other), collections=(thesis,), years="2015-", author="A", kinds=("table",)
    )
    assert to_request(db, from_kept(KeptSearch("q", mode=SearchMode.WORDS, spread=2))).spread == 2
    for gone in (
        Asked("q", papers=("zeppelin",)),
        Asked("q", papers=(99,)),
        Asked("q", collections=("zeppelin",)),
        Asked("q", collections=(99,)),
    ):
        with pytest.raises(NotFoundError):
            to_request(db, gone)
    with pytest.raises(QuestionError, match="names no years"):
        to_request(db, Asked("q", years="soon"))
