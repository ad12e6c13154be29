import pytest

from core.types import ChunkKind, Span, StoredChunk
from training.data.suggestions import suggest_questions


def chunk(number: int, text: str, section: str | None = None, kind: ChunkKind = ChunkKind.BODY) -> StoredChunk:
    return StoredChunk(number, 1, "A Paper", "a.pdf", text, (Span(number, 0, 9),), section, kind)


def questions(*chunks: StoredChunk) -> list[str]:
    return [one.query for one in suggest_questions(chunks)]


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("We use Retrieval-Augmented Generation (RAG) here.", "What is Retrieval-Augmented Generation (RAG)?"),
        ("Introduction Large Language Models (LLMs) are large.", "What are Large Language Models (LLMs)?"),
        ("Such a node is called the coordinator, and it votes.", "What is meant by coordinator?"),
        ("This effect is known as covariate shift.", "What is meant by covariate shift?"),
        ("Perplexity is defined as the exponential of the loss.", "What is meant by perplexity?"),
    ],
)
def test_terms_that_a_paper_explains_become_questions(text: str, question: str) -> None:
    assert questions(chunk(1, text)) == [question]


@pytest.mark.parametrize(
    "text",
    [
        "As shown (Fig) in the paper (See) and by Smith (PhD).",
        "It is called by the parser, and we call it later.",
        "The International Bread Company (XYZ) is large.",
        "The procedure is called directly, and ends.",
    ],
)
def test_what_only_looks_like_a_term_does_not(text: str) -> None:
    assert questions(chunk(1, text)) == []


def test_headings_of_a_paper_s_own_become_questions_and_the_usual_ones_do_not() -> None:
    sections = [
        "1 Introduction",
        "2.1 The Problem",
        "2.2 The Halting Problem",
        "3.2 Multi-Head Attention",
        "IV. CHORD DETECTION",
        "References",
        "A.1 Why It Helps?",
    ]
    assert questions(*(chunk(place, "Text.", section) for place, section in enumerate(sections, 1))) == [
        "What is said about the halting problem?",
        "What is said about multi-head attention?",
        "What is said about chord detection?",
        "Why It Helps?",
    ]


def test_names_keep_their_capitals_and_other_words_do_not() -> None:
    text = "Here Tor sends cells through the Tor network. Its design has Goals, and each goal matters."
    assert questions(
        chunk(1, text, "4 The Tor Design"), chunk(2, text, "5 MORE TOR CELLS"), chunk(3, text, "Goals")
    ) == [
        "What is said about the Tor design?",
        "What is said about more Tor cells?",
        "What is said about goals?",
    ]


def test_a_question_tells_where_it_comes_from_and_each_subject_is_asked_about_once() -> None:
    found = suggest_questions(
        [chunk(1, "x", "2 Covariate Shift"), chunk(2, "This is known as covariate shift.", "2 Covariate Shift")]
    )
    assert [(one.query, one.chunk_id, one.page) for one in found] == [("What is meant by covariate shift?", 2, 2)]


def test_reference_lists_and_captions_suggest_nothing() -> None:
    text = "Retrieval-Augmented Generation (RAG)."
    assert questions(chunk(1, text, kind=ChunkKind.REFERENCE), chunk(2, text, kind=ChunkKind.CAPTION)) == []
