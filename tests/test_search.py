"""Does the search find a front that is known in closed form, without any physics?

Toy: x = (10 ** u, 10 ** v) in a box, two cells with offsets (p, q), objectives
(1 - u)^2 + v^2 + p and (1 + u)^2 + v^2 + q, and a limit u >= -0.7. The front of one cell is
v = 0, u from -0.7 to 1; the two cells cross, so that both are on the joint front.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.pareto import hypervolume, nondominated
from codesign.search.budget import Budget
from codesign.search.gradient import jacobian
from codesign.search.lattice import Lattice
from codesign.search.run import search
from codesign.search.scalarize import Annealing, Direction, directions, scalar_gradient
from codesign.search.space import Choices, Space, cells_at, lanes, to_unit_box, to_values

OFFSETS = {"p": jnp.array([0.0, 0.5], jnp.float32), "q": jnp.array([0.5, 0.0], jnp.float32)}
LOW, HIGH, GRID = np.array([0.05, 0.08]), np.array([20.0, 15.0]), 0.01
LIMIT = -0.7
BUDGET = Budget(seed=0, rounds=3, units=2, generations=2)
REFERENCE = np.array([4.0, 4.0])


def toy(limit):
    def model(x, cell):
        u, v = jnp.log10(x[0]), jnp.log10(x[1])
        return ((1 - u) ** 2 + v**2 + cell["p"], (1 + u) ** 2 + v**2 + cell["q"]), (limit - u, u - 5.0)

    return model


LATTICE = Lattice(LOW, HIGH, np.full(2, GRID), {})
CHOICES = Choices(np.array([[0.0], [1.0]]))
SPACE = Space(LOW, HIGH, OFFSETS, CHOICES, CHOICES.neighbours(), LATTICE)


def _search(seed=0, limit=LIMIT):
    return search(toy(limit), SPACE, BUDGET._replace(seed=seed), 2, lambda progress: None)


@pytest.fixture(scope="module")
def found():
    return _search()


def _analytic_front():
    u = np.linspace(LIMIT, 1, 4001)
    parts = [np.stack([(1 - u) ** 2 + p, (1 + u) ** 2 + q], axis=1) for p, q in ((0, 0.5), (0.5, 0))]
    points = np.concatenate(parts)
    return points[nondominated(points)]


def _volume(found):
    return hypervolume(found.archive.objectives.T, REFERENCE)


def test_the_front_is_the_analytic_one(found):
    known = hypervolume(_analytic_front(), REFERENCE)
    assert 0.995 * known <= _volume(found) <= 1.0001 * known
    assert set(found.archive.cell) == {0, 1}
    assert 0.95 * known <= hypervolume(found.relaxed.objectives.T, REFERENCE) <= 1.0001 * known


def test_every_point_is_feasible_buildable_undominated_and_true(found):
    archive = found.archive
    assert archive.size > 50
    np.testing.assert_allclose(archive.x / GRID, np.round(archive.x / GRID), atol=1e-6)
    assert np.all((archive.x >= LOW[:, None] - 1e-9) & (archive.x <= HIGH[:, None] + 1e-9))
    cells = {key: np.asarray(value)[archive.cell] for key, value in OFFSETS.items()}
    objectives, violations = toy(LIMIT)(archive.x, cells)
    np.testing.assert_allclose(np.stack(objectives), archive.objectives, atol=1e-5)
    assert np.stack(violations).max() <= 1e-6
    assert nondominated(archive.objectives.T).all()


def test_a_seed_repeats_and_other_seeds_agree(found):
    again, other = _search(), _search(seed=1)
    np.testing.assert_array_equal(again.archive.objectives, found.archive.objectives)
    np.testing.assert_array_equal(again.archive.x, found.archive.x)
    assert again.archive.size == found.archive.size
    assert other.evaluations != found.evaluations
    assert _volume(other) == pytest.approx(_volume(found), rel=0.005)


def test_an_infeasible_space_has_an_empty_archive_and_a_nearest_point():
    nothing = _search(limit=3.0)
    assert nothing.archive.size == nothing.relaxed.size == 0
    assert nothing.feasible_share == 0
    assert nothing.nearest_values[0] == pytest.approx(HIGH[0], rel=0.05)


@pytest.mark.parametrize("codes", [
    np.array(list(itertools.product((1, 2, 4), (0, 5), (8, 16, 32, 64))), dtype=float),
    np.array([[1, 1], [2, 1], [4, 1], [4, 2], [1, 8]], dtype=float),
    np.zeros((1, 1)),
])  # fmt: skip
def test_neighbours_differ_by_one_step_in_one_choice(codes):
    ranks = np.stack([np.searchsorted(np.unique(c), c) for c in codes.T], axis=1)
    moves = Choices(codes).neighbours()
    for row, targets in enumerate(moves):
        expected = {i for i, other in enumerate(ranks) if np.abs(other - ranks[row]).sum() == 1}
        assert set(targets[targets >= 0]) == expected


def test_the_box_is_logarithmic_and_its_map_inverts():
    z = np.array([[0.0, 0.5, 1.0], [1.0, 0.25, 0.0]])
    x = np.stack(to_values(SPACE, lanes(z, jnp.float64)))
    np.testing.assert_allclose(x[0], [LOW[0], np.sqrt(LOW[0] * HIGH[0]), HIGH[0]])
    np.testing.assert_allclose(to_unit_box(SPACE, x), z, atol=1e-12)


def test_the_jacobian_is_the_derivative_to_the_unit_box():
    z = lanes(np.random.default_rng(0).random((2, 5)), jnp.float64)
    cells = cells_at(OFFSETS, np.array([0, 1, 0, 1, 0]))
    objectives, violations, d_objectives, d_violations = jacobian(toy(LIMIT), SPACE)(z, cells)
    u, v = (np.log10(np.asarray(x)) for x in to_values(SPACE, z))
    slope = np.log10(HIGH / LOW)
    np.testing.assert_allclose(objectives[0], (1 - u) ** 2 + v**2 + cells["p"], rtol=1e-6)
    np.testing.assert_allclose([by_variable[0] for by_variable in d_objectives], [-2 * (1 - u) * slope[0], 2 * v * slope[1]], rtol=1e-9)
    np.testing.assert_allclose(violations[0], LIMIT - u, rtol=1e-9)
    np.testing.assert_allclose([by_variable[0] for by_variable in d_violations], [np.full(5, -slope[0]), np.zeros(5)], atol=1e-12)


@pytest.mark.parametrize("tchebycheff", [0.0, 1.0])
def test_the_scalar_has_the_gradient_it_claims(tchebycheff):
    direction = Direction(lanes(np.array([[0.2, 0.9], [0.8, 0.1]]), jnp.float64), jnp.full(2, tchebycheff))
    at = Annealing(*(jnp.asarray(v) for v in (0.05, 8.0, 0.01)))
    objectives, violations = lanes(np.array([[0.3, 0.5], [0.4, -0.1]]), jnp.float64), lanes(np.array([[0.02, -0.3]]), jnp.float64)
    _, to_f, to_g = scalar_gradient(objectives, violations, direction, at)
    slopes = jax.grad(lambda f, g: scalar_gradient(f, g, direction, at)[0].sum(), argnums=(0, 1))(objectives, violations)
    np.testing.assert_allclose(np.stack(to_f), np.stack(slopes[0]), rtol=1e-9)
    np.testing.assert_allclose(np.stack(to_g), np.stack(slopes[1]), rtol=1e-9)


@pytest.mark.parametrize("objectives", [2, 3, 4])
def test_directions_are_weights_and_include_every_corner(objectives):
    weights = directions(20, objectives, np.random.default_rng(0))
    assert weights.shape == (20, objectives)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    assert weights.min() > 0
    assert weights[:objectives].argmax(axis=1).tolist() == list(range(objectives))
    assert weights[:objectives].max(axis=1).min() > 0.95
