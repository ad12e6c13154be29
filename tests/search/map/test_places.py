import numpy as np
import pytest

from search.map.places import centred, fit_upon, middle, neighbours_kept, place_near


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)


def test_a_map_turned_mirrored_shifted_and_grown_comes_back_upon_itself(picture: np.ndarray) -> None:
    turn = np.array([[np.cos(2), -np.sin(2)], [np.sin(2), np.cos(2)]]) @ np.diag([1, -1])
    other = (3.5 * picture @ turn + [7, -2]).astype(np.float32)
    assert np.allclose(fit_upon(other, picture)(other), picture, atol=1e-4)


def test_the_motion_is_found_from_common_points_and_serves_the_others(picture: np.ndarray) -> None:
    other = (picture @ np.array([[0, 1], [-1, 0]]) + 5).astype(np.float32)
    motion = fit_upon(other[:10], picture[:10])
    assert np.allclose(motion(other[10:]), picture[10:], atol=1e-4)


def test_points_without_extent_are_left_where_they_are(picture: np.ndarray) -> None:
    flat = np.zeros((5, 2), np.float32)
    assert np.array_equal(fit_upon(flat, picture[:5])(flat), flat)
    assert np.array_equal(fit_upon(picture[:1], picture[:1])(picture[:1]), picture[:1])


def test_what_is_new_stands_beside_what_is_most_like_it() -> None:
    known = unit(np.array([[1, 0, 0], [0.99, 0.1, 0], [0, 1, 0], [0, 0.99, 0.1]]))
    places = np.array([[0, 0], [0, 1], [10, 0], [10, 1]], np.float32)
    near_first, near_third = place_near(unit(np.array([[1, 0.02, 0], [0.02, 1, 0]])), known, places)
    assert near_first[0] < 0.5
    assert near_third[0] > 9.5
    assert np.array_equal(place_near(known[:1], known[:0], places[:0]), [[0, 0]])


def test_the_middle_of_two_crowds_lies_in_the_larger_one() -> None:
    crowd = np.array([[0, 0]] * 7 + [[10, 10]] * 3, np.float32)
    assert np.allclose(middle(crowd), [0, 0], atol=0.1)


def test_a_centred_picture_has_its_middle_at_0_and_one_size(picture: np.ndarray) -> None:
    shown = centred(picture * 9 + 3)
    assert np.allclose(shown.mean(axis=0), 0, atol=1e-5)
    assert np.isclose((shown**2).sum(axis=1).mean(), 1, atol=1e-5)
    assert np.array_equal(centred(picture[:0]), picture[:0])


def test_neighbours_kept_tells_whose_neighbourhood_changed() -> None:
    before = unit(np.array([[1, 0], [0.99, 0.1], [0.98, 0.15], [0, 1], [0.1, 0.99], [0.15, 0.98]]))
    after = before.copy()
    after[0] = before[3]
    kept = neighbours_kept(before, after, many=2)
    assert kept[0] == 0.0
    assert neighbours_kept(before, before, many=2) == [1.0] * 6
    assert neighbours_kept(before[:1], after[:1]) == [1.0]
