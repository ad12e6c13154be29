"""Values worked out by hand, and the agreement with sentence-transformers' evaluator on a labelled set."""

import csv
import math
import random
from pathlib import Path

import pytest
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from indexer.encoder import Encoder
from search.beir import load_labelled_set, rank_passages
from search.evaluation import judged_at_k, mrr_at_k, ndcg_at_k, recall_at_k, score_run


def test_ndcg_discounts_by_rank_and_is_one_for_the_ideal_order() -> None:
    assert ndcg_at_k(["a", "b"], {"a": 1, "b": 1}, 10) == 1
    assert ndcg_at_k(["x", "a"], {"a": 1}, 10) == pytest.approx(1 / math.log2(3))
    assert ndcg_at_k(["x", "a"], {"a": 1}, 1) == 0
    assert ndcg_at_k(["a", "b"], {"a": 1, "b": 2}, 10) == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_mrr_counts_the_first_relevant_passage_within_k() -> None:
    assert mrr_at_k(["x", "y", "a"], {"a"}, 10) == pytest.approx(1 / 3)
    assert mrr_at_k(["x", "y", "a"], {"a"}, 2) == 0


def test_recall_is_a_share_of_all_relevant_passages() -> None:
    assert recall_at_k(["a", "x", "b"], {"a", "b", "c", "d"}, 3) == 0.5
    assert recall_at_k([], {"a"}, 3) == 0


def test_judged_is_the_share_of_shown_passages_with_a_verdict() -> None:
    assert judged_at_k(["a", "b", "c", "d"], {"a", "c"}, 4) == 0.5
    assert judged_at_k([], {"a"}, 4) == 0


def test_a_query_without_results_scores_zero_and_counts() -> None:
    scores = score_run({"q1": ["a"]}, {"q1": {"a": 1}, "q2": {"b": 1}})
    assert (scores.queries, scores.ndcg_at_10, scores.mrr_at_10, scores.recall_at_1) == (2, 0.5, 0.5, 0.5)


def test_scores_agree_with_sentence_transformers_on_a_labelled_set(
    minilm: Encoder, shared_data: Path, tmp_path: Path
) -> None:
    whole = load_labelled_set(shared_data / "retrieval" / "cranfield", "test")
    chosen = random.Random(0)
    queries = {query: whole.queries[query] for query in chosen.sample(sorted(whole.queries), 25)}
    wanted = {passage for query in queries for passage in whole.qrels[query]}
    names = sorted(wanted | set(chosen.sample(sorted(whole.passages), 150)))
    passages = {name: whole.passages[name][:600] for name in names}
    qrels = {query: whole.qrels[query] for query in queries}

    ours = score_run(rank_passages(minilm, passages, queries), qrels).as_dict()
    evaluator = InformationRetrievalEvaluator(
        queries,
        passages,
        {query: set(relevant) for query, relevant in qrels.items()},
        mrr_at_k=[10],
        ndcg_at_k=[10],
        precision_recall_at_k=[1, 5, 10, 100],
        accuracy_at_k=[1],
        map_at_k=[10],
        show_progress_bar=False,
        write_csv=False,
    )
    theirs = evaluator(minilm.model, output_path=str(tmp_path))
    for name in ("ndcg@10", "mrr@10", "recall@1", "recall@5", "recall@10", "recall@100"):
        assert ours[name] == pytest.approx(theirs[f"cosine_{name}"], abs=1e-6), name


def test_the_splits_of_a_labelled_set_are_kept_apart(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"_id": "p", "title": "T", "text": "one"}\n{"_id": "r", "text": "two"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q", "text": "?"}\n{"_id": "s", "text": "!"}\n')
    (tmp_path / "qrels").mkdir()
    for split, rows in {"train": [["s", "p", 1]], "test": [["q", "p", 0], ["q", "r", 2]]}.items():
        with (tmp_path / "qrels" / f"{split}.tsv").open("w") as file:
            csv.writer(file, delimiter="\t").writerows([["query-id", "corpus-id", "score"], *rows])
    labelled = load_labelled_set(tmp_path, "test")
    assert labelled.passages == {"p": "T one", "r": "two"}
    assert labelled.queries == {"q": "?"}
    assert labelled.qrels == {"q": {"r": 2}}
