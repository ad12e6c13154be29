"""Questions to ask of a paper: by a language model where one is configured, else from the paper's own words."""

from dataclasses import dataclass

from core.settings import Settings
from storage import library
from storage.database import open_database
from training.data.suggestions import SuggestedQuestion, suggest_questions
from training.llm_questions import ask_for_questions

_OF_MODEL = "Made by the language model you have configured."
_OF_RULES = "Made from the paper's own terms and headings, by simple rules."


@dataclass(frozen=True, slots=True)
class Suggestions:
    """`source` says who made them."""

    questions: list[SuggestedQuestion]
    source: str


def questions_of(settings: Settings, document_id: int) -> Suggestions:
    with open_database(settings.database) as db:
        document = library.get_document(db, document_id)
        chunks = library.chunks_of_document(db, document.id)
    if settings.llm_url:
        return Suggestions(ask_for_questions(settings, document, chunks), _OF_MODEL)
    return Suggestions(suggest_questions(chunks), _OF_RULES)
