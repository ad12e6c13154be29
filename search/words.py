"""A question as its words: what the word index is asked for, and whether the question names something exactly."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.cjk import cjk_runs, pair_cjk, strip_cjk
from core.words import COMMON_WORDS
from indexer.text import plain_characters

# Behind a number the sign stands for inches.
_QUOTED = re.compile(r"(?:(?<!\d)\"|[“”«»„「『《])([^\"“”«»„「」『』《》]+)[\"“”«»„」』》]")
_WORD = re.compile(r"\S+")
_ALNUM = re.compile(r"\w+")
# Names and numbers that meaning blurs: DPR-CTRL_LM, FP16, 10.1145/3292500, x86, RoBERTa. Not an acronym alone.
_EXACT = re.compile(r"(?=\D*\d)(?=.*[^\W\d_])\w{2,}|(?=.*\d)\w+(?:[-_./:]\w+)+|\w+_\w+|[A-Za-z]*[a-z][A-Z]\w*")
_REFERENCES = re.compile(
    r"\b(?:references?|bibliograph\w*|cit(?:e[ds]?|ing|ations?)|literature|doi|arxiv)\b", re.IGNORECASE
)
# More words than any question has; a pasted page would be looked up word by word.
_MOST_WORDS = 64
_AROUND_A_WORD = "?!.,;:()[]'\""


@dataclass(frozen=True, slots=True)
class Named:
    """A name, number or phrase as the question has it, and as FTS5's string."""

    written: str
    string: str


@dataclass(frozen=True, slots=True)
class WordQuery:
    """`question` is as asked; `match` in the language of FTS5, empty where the question has no word to look up.

    `strings` are what is looked up, any of which matches where no phrase is quoted; then there are none.

    `exact` tells that the question quotes a phrase or holds a name or number that stands for itself; `named` are these,
    of a question that quotes the phrases only, and `names` asks the word index for just them. `quoted` tells that it
    quotes one; `wants_references` that it asks for what is cited, or quotes it.
    """

    question: str
    match: str
    exact: bool
    quoted: bool = False
    wants_references: bool = False
    strings: tuple[str, ...] = ()
    named: tuple[Named, ...] = ()

    @property
    def names(self) -> str:
        return (" AND " if self.quoted else " OR ").join(one.string for one in self.named)


def parse_words(question: str) -> WordQuery:
    """Any text is a valid question: every word goes to FTS5 as a string, which its tokenizer may make a phrase of."""
    # As passages are: an accent that is a character of its own would part a word in two.
    asked = plain_characters(question)
    phrases = _name(_QUOTED.findall(asked))
    rest = _QUOTED.sub(" ", asked)
    words = [
        string
        for word in dict.fromkeys(_WORD.findall(rest))
        if word.casefold().strip(_AROUND_A_WORD) not in COMMON_WORDS
        for string in _strings(word)
    ][:_MOST_WORDS]
    any_of = " OR ".join([*(phrase.string for phrase in phrases), *words])
    if phrases:
        all_of = " AND ".join(phrase.string for phrase in phrases)
        return WordQuery(
            question, f"({all_of}) AND ({any_of})", exact=True, quoted=True, wants_references=True, named=phrases
        )
    # Where words are not set apart, a number stands beside other words.
    named = _name(word.strip(_AROUND_A_WORD) for word in _WORD.findall(strip_cjk(rest)) if _is_exact(word))
    return WordQuery(
        question,
        any_of,
        exact=bool(named),
        wants_references=bool(_REFERENCES.search(rest)),
        strings=tuple(dict.fromkeys(words)),
        named=named,
    )


def _name(texts: Iterable[str]) -> tuple[Named, ...]:
    """Those of the texts that can be looked up, each once."""
    named = dict.fromkeys(Named(text.strip(), string) for text in texts if (string := _string(text)))
    return tuple(named)[:_MOST_WORDS]


def _is_exact(word: str) -> bool:
    # A question shouted in capitals names nothing.
    return bool(_EXACT.fullmatch(word.strip(_AROUND_A_WORD)))


def _strings(word: str) -> list[str]:
    """A word, and the parts of a compound, which may stand apart elsewhere; without spaces between words, all pairs."""
    if runs := cjk_runs(word):
        pairs = [pair for run in runs for pair in pair_cjk(run).split()]
        # One character alone is looked for at the beginning of pairs.
        found = [_string(pair) + ("*" if len(pair) == 1 else "") for pair in pairs if _string(pair)]
        return found + [part for other in _WORD.findall(strip_cjk(word)) for part in _strings(other)]
    parts = _ALNUM.findall(word.replace("_", " "))
    others = [part for part in parts if len(part) > 1 and part.casefold() not in COMMON_WORDS] if len(parts) > 1 else []
    return [string for text in (word, *others) if (string := _string(text))]


def _string(text: str) -> str:
    """The text as FTS5's string, or nothing where it holds no letter and no digit."""
    cleaned = " ".join(_ALNUM.findall(pair_cjk(text).replace("\0", " ").replace("_", " ")))
    return f'"{cleaned}"' if cleaned else ""
