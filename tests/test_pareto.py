"""Is a front the set of points that nothing dominates, and its volume the volume it dominates?"""

import itertools

import numpy as np
import pytest

from codesign.pareto import dominates, hypervolume, ideal, nadir, nondominated, thin
from codesign.search.archive import empty_archive, merge


def _points(count, objectives, seed):
    return np.random.default_rng(seed).integers(0, 12, (count, objectives)).astype(float)


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [0, 1, 60])
def test_the_front_is_what_nothing_dominates(count, objectives):
    points = _points(count, objectives, objectives)
    mask = nondominated(points)
    expected = [not any(dominates(q, p) for q in points) and not any((q == p).all() for q in points[:i]) for i, p in enumerate(points)]
    assert mask.tolist() == expected


def test_domination_is_a_strict_order():
    a, b, c = np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([0.0, 9.0])
    assert dominates(a, b)
    assert not dominates(b, a)
    assert not dominates(a, a)
    assert not dominates(a, c)
    assert not dominates(c, a)


@pytest.mark.parametrize("objectives", [2, 3])
def test_the_hypervolume_is_the_share_of_a_grid_below_the_reference(objectives):
    points, reference = _points(12, objectives, 5), np.full(objectives, 11.0)
    cells = np.array(list(itertools.product(range(11), repeat=objectives)), dtype=float)
    counted = sum(any((p <= cell).all() for p in points) for cell in cells)
    assert hypervolume(points, reference) == pytest.approx(counted)
    assert hypervolume(points[nondominated(points)], reference) == pytest.approx(counted)


def test_points_beyond_the_reference_add_nothing():
    reference = np.ones(2)
    assert hypervolume(np.zeros((0, 2)), reference) == 0
    assert hypervolume(np.array([[2.0, 0.0], [1.0, 0.5]]), reference) == 0
    assert hypervolume(np.array([[0.5, 0.5], [-9.0, 3.0]]), reference) == pytest.approx(0.25)


def test_ideal_and_nadir():
    points = np.array([[1.0, 8.0], [3.0, 2.0]])
    assert ideal(points).tolist() == [1, 2]
    assert nadir(points).tolist() == [3, 8]


@pytest.mark.parametrize("objectives", [2, 3])
@pytest.mark.parametrize("count", [5, 20, 100, 1000])
def test_thinning_keeps_the_ends_and_a_spread(count, objectives):
    angle = np.random.default_rng(3).random((400, objectives - 1)) * np.pi / 2
    sphere = np.stack([np.cos(angle[:, 0]), np.sin(angle[:, 0])], axis=1)
    if objectives == 3:
        sphere = np.stack([sphere[:, 0] * np.cos(angle[:, 1]), sphere[:, 0] * np.sin(angle[:, 1]), sphere[:, 1]], axis=1)
    points = 1 - sphere
    kept = thin(points, count)
    assert len(set(kept)) == len(kept) <= count
    assert len(kept) >= min(count, 400) / 4
    assert set(points.argmin(axis=0)) <= set(kept)
    nearest = np.abs(points[:, None] - points[kept][None]).max(axis=2).min(axis=1)
    assert nearest.max() <= 3 / count ** (1 / (objectives - 1)) + 1e-12 or len(kept) == 400


def test_an_archive_keeps_only_feasible_finite_undominated_points():
    x = np.arange(6.0)[None, :]
    objectives = np.array([[1, 2, 3, 0, np.nan, 1], [3, 2, 1, 0, 0, 3]], dtype=float)
    violations = np.array([[-1, 0, -1, 1, -1, -1]], dtype=float)
    archive = merge(empty_archive(1, 2), x, np.arange(6), objectives, violations, 100)
    assert archive.cell.tolist() == archive.x[0].tolist() == [0, 1, 2]
    better = merge(archive, np.array([[9.0]]), np.array([9]), np.array([[1.5], [1.5]]), np.array([[-1.0]]), 100)
    assert sorted(better.cell.tolist()) == [0, 2, 9]
    assert merge(archive, x, np.arange(6), objectives, violations, 2).size <= 2
