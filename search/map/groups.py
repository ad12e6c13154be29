"""Groups of papers, and the words that tell each from the others."""

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits

from core.types import EmbeddingMatrix
from core.words import COMMON_WORDS

_FEWEST_PAPERS = 6
_MOST_GROUPS = 10
_PAPERS_A_GROUP = 3
_WORDS_SHOWN = 3
_WORD = re.compile(r"[^\W\d_]{3,}")
# What every paper says of itself, in whatever field.
_OF_PAPERS = frozenset(
    [
        "abstract",
        "algorithm",
        "also",
        "although",
        "another",
        "any",
        "approach",
        "appear",
        "based",
        "because",
        "become",
        "been",
        "before",
        "being",
        "between",
        "both",
        "case",
        "cases",
        "consider",
        "corresponding",
        "define",
        "defined",
        "definition",
        "different",
        "discuss",
        "due",
        "during",
        "each",
        "either",
        "equation",
        "et",
        "even",
        "example",
        "experiment",
        "figure",
        "fig",
        "first",
        "follow",
        "following",
        "follows",
        "further",
        "general",
        "given",
        "give",
        "gives",
        "here",
        "however",
        "introduction",
        "journal",
        "just",
        "large",
        "less",
        "let",
        "like",
        "make",
        "many",
        "method",
        "methods",
        "more",
        "most",
        "much",
        "must",
        "new",
        "next",
        "non",
        "not",
        "note",
        "number",
        "obtain",
        "obtained",
        "one",
        "only",
        "other",
        "out",
        "over",
        "paper",
        "possible",
        "present",
        "problem",
        "proceedings",
        "proof",
        "propose",
        "proposed",
        "provide",
        "related",
        "remark",
        "respectively",
        "result",
        "results",
        "same",
        "second",
        "section",
        "see",
        "several",
        "show",
        "shown",
        "shows",
        "similar",
        "since",
        "some",
        "still",
        "table",
        "take",
        "term",
        "than",
        "theorem",
        "therefore",
        "thus",
        "two",
        "under",
        "university",
        "until",
        "up",
        "use",
        "used",
        "using",
        "value",
        "values",
        "very",
        "via",
        "way",
        "well",
        "while",
        "within",
        "without",
        "work",
    ]
)


def group_papers(vectors: EmbeddingMatrix) -> list[int]:
    """A group for each paper, from 0, the largest first; one group where there are too few to tell.

    As many groups as stand apart best (silhouette), found by k-means.
    """
    if len(vectors) < _FEWEST_PAPERS:
        return [0] * len(vectors)
    most = min(_MOST_GROUPS, len(vectors) // _PAPERS_A_GROUP)
    best, chosen = -math.inf, np.zeros(len(vectors), int)
    with threadpool_limits(limits=1):
        for number in range(2, most + 1):
            found = KMeans(number, n_init=5, random_state=0).fit_predict(vectors)
            if len(set(found.tolist())) < 2:
                continue
            score = silhouette_score(vectors, found, metric="cosine")
            if score > best:
                best, chosen = score, found
    sizes = Counter(chosen.tolist())
    order = {group: place for place, (group, _) in enumerate(sorted(sizes.items(), key=lambda one: (-one[1], one[0])))}
    return [order[group] for group in chosen.tolist()]


def join_groups(vectors: EmbeddingMatrix, known: EmbeddingMatrix, groups: Sequence[int]) -> list[int]:
    """For each vector the group whose middle is nearest."""
    if not len(known):
        return [0] * len(vectors)
    names = sorted(set(groups))
    middles = np.stack([known[[one == name for one in groups]].mean(axis=0) for name in names])
    return [names[place] for place in (vectors @ middles.T).argmax(axis=1)]


def name_groups(groups: Sequence[int], texts: Sequence[str]) -> dict[int, str]:
    """For each group the words that its papers have and others have not (class-based TF-IDF), best first.

    A paper counts once for each of its words, so that none names a group by itself.
    """
    words_of = [_words_of(text) for text in texts]
    having = Counter(word for words in words_of for word in words)
    names: dict[int, str] = {}
    for group in sorted(set(groups)):
        mine = [words for words, its in zip(words_of, groups, strict=True) if its == group]
        inside = Counter(word for words in mine for word in words)
        often = sum((Counter(words) for words in mine), Counter())
        least = 1 if len(mine) == 1 else max(2, math.ceil(0.25 * len(mine)))
        scores = {
            word: inside[word] / len(mine) * math.log(1 + often[word]) * math.log((1 + len(texts)) / having[word])
            for word in inside
            if inside[word] >= least
        }
        ranked = sorted(scores, key=lambda word: (-scores[word], word))
        names[group] = " · ".join(ranked[:_WORDS_SHOWN])
    return names


def _words_of(text: str) -> Counter[str]:
    everywhere = COMMON_WORDS | _OF_PAPERS
    words = _WORD.findall(text.casefold())
    found = [word for word in words if word not in everywhere and word.removesuffix("s") not in everywhere]
    known = set(found)
    # A plural counts as its singular where that is there too.
    return Counter(word[:-1] if word.endswith("s") and word[:-1] in known else word for word in found)
