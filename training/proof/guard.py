"""The forgetting guard: general questions that a retrain must answer as well as the model it started from.

Fine-tuning on a few pairs can cost what the model knew of everything else (catastrophic forgetting). So a set of
questions that nobody judged is kept: some that ship, and some from the library's own passages, made by the inverse
cloze task (Lee et al. 2019): a sentence is taken out of its passage, and asks for what is left. The remedy that is
tried first is a larger share of the start model's weights (Wortsman et al. 2022).
"""

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from indexer.encoder import Encoder
from search.evaluation import ndcg_at_k
from search.floor import general_questions
from training.recipe.train import Weights, average_weights, copy_weights

# The most that nDCG@10 may fall, on either kind of questions.
ALLOWED_FALL = 0.01
_LIBRARY_QUESTIONS = 60
# Enough of the library's passages to find these among.
GUARD_PASSAGES = 400
# Each time half of what training changed is taken back.
_MOST_REMEDIES = 3
_WORDS_OF_A_QUESTION = (8, 40)
_LEAST_WORDS_LEFT = 25
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class GuardSet:
    """Questions, each with the position of its answer in `passages`: first those that ship, then the library's."""

    questions: tuple[str, ...]
    answers: tuple[int, ...]
    passages: tuple[str, ...]
    shipped: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many questions there are of each kind."""
        return tuple(size for size in (self.shipped, len(self.questions) - self.shipped) if size)

    def score(self, encoder: Encoder) -> tuple[float, ...]:
        """Mean nDCG@10 of each kind of questions, which rank all passages of the set."""
        passages = encoder.encode_truncated_passages(self.passages)
        ranked = np.argsort(-(encoder.encode_queries(self.questions) @ passages.T), axis=1, kind="stable")[:, :10]
        scores = [ndcg_at_k(row.tolist(), {answer: 1}, 10) for row, answer in zip(ranked, self.answers, strict=True)]
        return tuple(float(np.mean(part)) for part in (scores[: self.shipped], scores[self.shipped :]) if part)


@dataclass(frozen=True, slots=True)
class GuardResult:
    """nDCG@10 before and after for each kind of the guard's questions, and how many of them there are.

    `start_weight` is the share of the start model that the remedy came to.
    """

    before: tuple[float, ...]
    after: tuple[float, ...]
    sizes: tuple[int, ...]
    start_weight: float

    @property
    def holds(self) -> bool:
        return within_allowed_fall(self.before, self.after)

    @property
    def sentence(self) -> str:
        kinds = ("that ship", "from the library's own sentences")
        figures = "; ".join(
            f"{old:.3f} before, {new:.3f} after on {size} {kind}"
            for old, new, size, kind in zip(self.before, self.after, self.sizes, kinds, strict=False)
        )
        if self.holds:
            return f"General questions lose no more than the {ALLOWED_FALL:g} nDCG@10 allowed: {figures}."
        return f"The model forgets general questions, which may lose {ALLOWED_FALL:g} nDCG@10 at most: {figures}."

    def as_dict(self) -> dict[str, Any]:
        return {
            "before": list(self.before),
            "after": list(self.after),
            "questions": list(self.sizes),
            "holds": self.holds,
            "sentence": self.sentence,
        }


def within_allowed_fall(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether neither kind of questions hides the other's fall."""
    return all(new >= old - ALLOWED_FALL for old, new in zip(before, after, strict=True))


def build_guard_set(library_passages: Iterable[str], seed: int = 0) -> GuardSet:
    """The shipped questions, and one each from some of the library's passages that have a sentence to spare."""
    questions: list[str] = []
    answers: list[int] = []
    passages: list[str] = []

    def add(question: str, passage: str) -> None:
        questions.append(question)
        answers.append(len(passages))
        passages.append(passage)

    for question, passage in general_questions():
        add(question, passage)
    shipped = len(questions)
    for question, passage in _ask_by_sentence(list(library_passages), random.Random(seed)):
        # Passages overlap by a sentence: a neighbour that holds the question would be the better answer.
        if not any(question in other for other in passages) and not any(asked in passage for asked in questions):
            add(question, passage)
        if len(questions) >= shipped + _LIBRARY_QUESTIONS:
            break
    return GuardSet(tuple(questions), tuple(answers), tuple(passages), shipped)


def hold_guard(
    encoder: Encoder, start: Weights, start_weight: float, guard: GuardSet, before: tuple[float, ...]
) -> GuardResult:
    """Check the trained encoder; where it forgets, bring its weights nearer to the start's until it does not.

    The encoder is changed in place. What still forgets after the last remedy is left so, and the result tells.
    """
    after = guard.score(encoder)
    for _ in range(_MOST_REMEDIES):
        if within_allowed_fall(before, after):
            break
        encoder.model.load_state_dict(average_weights(copy_weights(encoder.model), start, 0.5))
        start_weight = (1 + start_weight) / 2
        after = guard.score(encoder)
    return GuardResult(before, after, guard.sizes, start_weight)


def _ask_by_sentence(passages: Sequence[str], rng: random.Random) -> Iterable[tuple[str, str]]:
    least, most = _WORDS_OF_A_QUESTION
    for passage in rng.sample(passages, len(passages)):
        sentences = _SENTENCE_END.split(passage)
        fit = [number for number, sentence in enumerate(sentences) if least <= len(sentence.split()) <= most]
        if not fit:
            continue
        taken = rng.choice(fit)
        left = " ".join(sentence for number, sentence in enumerate(sentences) if number != taken)
        if len(left.split()) >= _LEAST_WORDS_LEFT:
            yield sentences[taken], left
