"""Which passages are worth a verdict: people or models disagree on them, a score is near the border. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, zip_longest

from core.types import Judgement, ProposalKind

# A passage among the first so many of one model, and not among so many of the other.
_FIRST, _FAR = 10, 20
_MOST_A_QUESTION = 4
_FEWEST_TO_PART = 3


@dataclass(frozen=True, slots=True)
class Found:
    """What two models find for a question, best first, as passages with their scores; the rival's may be missing.

    `judged` are the verdicts given for the question already, None where people disagree.
    """

    query: str
    active: tuple[tuple[int, float], ...]
    rival: tuple[tuple[int, float], ...] = ()
    judged: Mapping[int, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question and a passage to judge for it. `rank` is the active model's, None beyond what was looked at."""

    kind: ProposalKind
    query: str
    chunk_id: int
    weight: float
    reason: str
    rank: int | None = None


def propose_disputed(ties: Iterable[Sequence[Judgement]]) -> list[Proposal]:
    """The passages that as many people approve as reject, those of most verdicts first, by the question asked last."""
    proposals = []
    for tie in ties:
        last = max(tie, key=lambda one: one.id)
        half = len({one.giver for one in tie}) // 2
        says = ("approves", "rejects") if half == 1 else ("approve", "reject")
        reason = f"{half} {says[0]}, {half} {says[1]}: one more verdict decides"
        proposals.append(Proposal(ProposalKind.DISPUTED, last.query, last.chunk_id, half, reason))
    return sorted(proposals, key=lambda proposal: -proposal.weight)


def propose_disagreements(found: Iterable[Found], active: str, rival: str) -> list[Proposal]:
    """Passages that one of the models ranks among its first and the other far behind, the widest apart first."""
    proposals = []
    for one in found:
        if not one.rival:
            continue
        ranks = [{chunk: rank for rank, (chunk, _) in enumerate(hits, 1)} for hits in (one.active, one.rival)]
        mine = []
        for chunk in dict.fromkeys([*ranks[0], *ranks[1]]):
            places = [ranking.get(chunk) for ranking in ranks]
            near, far = sorted(place or _FAR + 1 for place in places)
            if chunk in one.judged or near > _FIRST or far <= _FAR:
                continue
            told = [_ordinal(place) for place in places]
            mine.append(
                Proposal(
                    ProposalKind.DISAGREEMENT,
                    one.query,
                    chunk,
                    1 / near,
                    f"{told[0]} with {active}, {told[1]} with {rival}",
                    places[0],
                )
            )
        proposals += sorted(mine, key=lambda proposal: -proposal.weight)[:_MOST_A_QUESTION]
    return sorted(proposals, key=lambda proposal: -proposal.weight)


def propose_at_border(found: Iterable[Found], border: float | None) -> list[Proposal]:
    """Passages among the first whose score is nearest to the border between answers and others."""
    if border is None:
        return []
    proposals = []
    for one in found:
        mine = [
            Proposal(
                ProposalKind.BORDER,
                one.query,
                chunk,
                -abs(score - border),
                f"score {score:.2f}, and answers begin at about {border:.2f}",
                rank,
            )
            for rank, (chunk, score) in enumerate(one.active[:_FIRST], 1)
            if chunk not in one.judged
        ]
        proposals += sorted(mine, key=lambda proposal: -proposal.weight)[:_MOST_A_QUESTION]
    return sorted(proposals, key=lambda proposal: -proposal.weight)


def find_border(found: Iterable[Found], floor: float | None) -> float | None:
    """The score that best parts approved from rejected passages; the floor of an answer where few are judged."""
    scores: dict[int, list[float]] = {0: [], 1: []}
    for one in found:
        for chunk, score in one.active:
            if (verdict := one.judged.get(chunk)) is not None:
                scores[verdict].append(score)
    approved, rejected = sorted(scores[1]), sorted(scores[0])
    if len(approved) < _FEWEST_TO_PART or len(rejected) < _FEWEST_TO_PART:
        return floor
    both = sorted({*approved, *rejected})
    borders = [(low + high) / 2 for low, high in pairwise(both)] or both

    def wrong(border: float) -> float:
        # Shares, so that neither kind decides by its number.
        missed = sum(score < border for score in approved) / len(approved)
        return missed + sum(score >= border for score in rejected) / len(rejected)

    return min(borders, key=wrong)


def choose_uncovered(
    groups: Mapping[int, int], judged: Mapping[int, int], middles: Mapping[int, float], most: int
) -> list[int]:
    """Papers without a judgement, of the groups that are judged least, one of each group in turn.

    `groups` has each paper's group, `judged` its judgements, `middles` how far it is from its group's middle.
    """
    by_group: dict[int, list[int]] = {}
    for paper, group in groups.items():
        by_group.setdefault(group, []).append(paper)

    def covered(group: int) -> float:
        return sum(min(judged.get(paper, 0), 1) for paper in by_group[group]) / len(by_group[group])

    waiting = [
        sorted((paper for paper in by_group[group] if not judged.get(paper)), key=lambda paper: middles[paper])
        for group in sorted(by_group, key=lambda group: (covered(group), -len(by_group[group])))
    ]
    turns = [paper for turn in zip_longest(*waiting) for paper in turn if paper is not None]
    return turns[:most]


def take_turns(kinds: Sequence[Sequence[Proposal]], most: int) -> list[Proposal]:
    """The proposals of all kinds in turn, each question and passage once."""
    seen: dict[tuple[str, int], Proposal] = {}
    for turn in zip_longest(*kinds):
        for proposal in turn:
            if proposal is not None:
                seen.setdefault((proposal.query, proposal.chunk_id), proposal)
    return list(seen.values())[:most]


def _ordinal(rank: int | None) -> str:
    return f"rank {rank}" if rank is not None and rank <= _FAR else f"not among the first {_FAR}"
