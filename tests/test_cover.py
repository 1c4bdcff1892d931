"""Is the excess of a box over a front never less than the true one?"""

import numpy as np
import pytest

from codesign.search.cover import SLACK, Cover, upper_corners, weights

OBJECTIVES = (1, 2, 3, 4)


def true_excess(front, points):
    """max over points of min over the front of max over objectives of what is lost: fronts (o, m), points (o, n)."""
    return np.max(np.min(np.max(front[:, :, None] - points[:, None, :], axis=0), axis=0))


def single_excess(front, point):
    return np.min(np.max(front - point[:, None], axis=0))


def _front(rng, objectives, count, scale):
    """Points near a sphere, so that most are not dominated, some dominated and some twice."""
    points = np.abs(rng.normal(size=(objectives, count)))
    points = 1 - points / np.linalg.norm(points, axis=0) + rng.exponential(0.05, count)
    points = np.concatenate([points, points[:, : count // 4]], axis=1)
    return np.round(points, 1 if count % 2 else 9) * scale


def _boxes(rng, front, count, spread):
    """True points of boxes (o, boxes, points), around the front and far from it."""
    middle = front[:, rng.integers(front.shape[1], size=count)] + rng.normal(size=(len(front), count)) * spread
    return middle[:, :, None] + rng.normal(size=(len(front), count, 12)) * spread * rng.choice([0.0, 0.1, 1.0], count)[None, :, None]


@pytest.mark.parametrize("objectives", OBJECTIVES)
@pytest.mark.parametrize(("count", "scale"), [(1, 1.0), (7, 1.0), (40, 1.0), (40, 60.0), (40, 1e-3)])
def test_no_excess_is_below_the_true_one(objectives, count, scale):
    rng = np.random.default_rng(objectives)
    front = _front(rng, objectives, count, scale)
    boxes = _boxes(rng, front, 300, 0.3 * scale)
    bounds = np.einsum("wo,obp->wbp", weights(objectives), boxes).min(axis=2)
    for floor in (-2 * scale, 0.05 * scale):
        found = Cover(front).excess(bounds, floor)
        for box in range(boxes.shape[1]):
            assert found[box] >= max(true_excess(front, boxes[:, box]), floor)


@pytest.mark.parametrize("objectives", OBJECTIVES)
@pytest.mark.parametrize("shift", [0.0, 300.0])
def test_the_excess_of_a_design_is_exact(objectives, shift):
    rng = np.random.default_rng(10 + objectives)
    front = _front(rng, objectives, 30, 1.0) + shift
    points = _boxes(rng, front, 300, 0.3)[:, :, 0]
    found = Cover(front).excess(weights(objectives) @ points, -10.0)
    truth = np.array([single_excess(front, point) for point in points.T])
    assert np.all(found >= truth)
    np.testing.assert_allclose(found, truth, atol=1e-4)


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_more_of_a_front_never_raises_the_excess(objectives):
    rng = np.random.default_rng(20 + objectives)
    front = _front(rng, objectives, 30, 1.0)
    bounds = weights(objectives) @ _boxes(rng, front, 200, 0.3)[:, :, 0] - rng.exponential(0.1, (len(weights(objectives)), 200))
    some, more = (Cover(front[:, :count]).excess(bounds, -5.0) for count in (5, 30))
    assert np.all(more <= some + 2 * SLACK)


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_where_nothing_is_bounded_the_excess_is_infinite(objectives):
    front = _front(np.random.default_rng(0), objectives, 12, 1.0)
    bounds = np.zeros((len(weights(objectives)), 4))
    bounds[:, 1], bounds[:, 2], bounds[:, 3] = -np.inf, np.nan, 100.0
    found = Cover(front).excess(bounds, 0.01)
    assert np.all(found[1:3] == np.inf)
    assert np.isfinite(found[[0, 3]]).all()
    assert found[3] == 0.01


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_large_numbers_lose_nothing_to_single_precision(objectives):
    rng = np.random.default_rng(30 + objectives)
    front = _front(rng, objectives, 20, 3e4)
    points = front[:, rng.integers(front.shape[1], size=300)] - np.exp(rng.uniform(-8, 12, (objectives, 300)))
    found = Cover(front).excess(weights(objectives) @ points, -1e9)
    assert np.all(found >= np.array([single_excess(front, point) for point in points.T]))


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_corners_are_those_of_what_no_point_dominates(objectives):
    rng = np.random.default_rng(40 + objectives)
    front = np.round(rng.random((objectives, 25)), 1)
    corners = upper_corners(front)
    probes = rng.random((objectives, 2000)) * 1.2 - 0.1
    dominated = np.any(np.all(front[:, :, None] <= probes[:, None, :], axis=0), axis=0)
    below = np.any(np.all(probes[:, None, :] < corners[:, :, None], axis=0), axis=0)
    np.testing.assert_array_equal(below, ~dominated)
    inside = np.all(corners[:, :, None] <= corners[:, None, :], axis=0)
    assert np.array_equal(inside, np.eye(corners.shape[1], dtype=bool)), "a corner lies inside another"


@pytest.mark.parametrize("objectives", OBJECTIVES)
def test_weights_add_up_to_one_and_hold_every_single_objective(objectives):
    found = weights(objectives)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found.min() == 0.0 or objectives == 1
    assert {tuple(row) for row in np.eye(objectives)} <= {tuple(row) for row in found}
