import numpy as np

from search.map.groups import group_papers, join_groups, name_groups
from tests.search.map.test_layout import crowds


def test_papers_of_one_kind_are_one_group_and_the_largest_comes_first() -> None:
    vectors = np.concatenate([crowds(3, 10)[:16], crowds(3, 10)[20:]])
    groups = group_papers(vectors)
    assert groups[:10] != groups[10:16]
    assert len(set(groups)) == 3
    assert [len(set(part)) for part in (groups[:10], groups[10:16], groups[16:])] == [1, 1, 1]
    assert groups[10] == 2


def test_few_papers_are_one_group() -> None:
    assert group_papers(crowds(5, 1)) == [0] * 5
    assert group_papers(crowds(1, 1)[:0]) == []


def test_a_newcomer_joins_the_nearest_group() -> None:
    known = crowds(2, 8)
    assert join_groups(known[[3, 12]], known[:14], [0] * 8 + [1] * 6) == [0, 1]
    assert join_groups(known[:2], known[:0], []) == [0, 0]


def test_a_group_is_called_by_the_words_that_others_do_not_have() -> None:
    whales = ["Whales sing songs in the deep ocean.", "A whale dives in the ocean for krill.", "Whales and krill."]
    bread = ["Yeast makes bread rise in the oven.", "Bread of rye and yeast.", "The oven bakes bread with yeast."]
    names = name_groups([0, 0, 0, 1, 1, 1], [*whales, *bread])
    assert set(names[0].split(" · ")) >= {"krill", "ocean"}
    assert set(names[1].split(" · ")) == {"bread", "yeast", "oven"}


def test_one_paper_that_repeats_a_word_does_not_name_its_group() -> None:
    names = name_groups([0, 0, 0, 1, 1], ["zebra " * 50 + "lion", "lion roar", "lion roar", "sand", "sand"])
    assert "zebra" not in names[0]
    assert names[0].startswith("lion")
