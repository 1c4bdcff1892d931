"""Is what a proof says of a toy space true, as enumeration of every design of it tells?

Two cells, a variable in steps and one that takes the values of a table of its cell: some hundred designs. The proof
is run to its end, and stopped after every step; what it states is compared with all designs.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.certificate import fingerprint
from codesign.pareto import nondominated
from codesign.search import branch as branches
from codesign.search import certify
from codesign.search.archive import Archive
from codesign.search.bound import Boxes
from codesign.search.branch import branching, joined
from codesign.search.certify import prove
from codesign.search.columns import column
from codesign.search.lattice import Lattice, Table
from codesign.search.program import flatten

AS_USERS_COMPILE = True

LEAVES = {"p": np.array([0.0, 0.2]), "q": np.array([0.3, 0.0])}
STEP, LOW, HIGH = 0.05, 0.1, 2.0
TABLES = Table([np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.array([1.0, 3.0, 9.0])], np.array([0, 1]))
LATTICE = Lattice(np.array([LOW, 1.0]), np.array([HIGH, 16.0]), np.array([STEP, 0.0]), {1: TABLES})


def _smooth(x, n, p, q):
    u, v = jnp.log(x), jnp.log(n)
    return (1 - u) ** 2 + 0.1 * v**2 + p, (1 + u) ** 2 + 0.2 * v + q


MODELS = {  # (x, n, p, q) -> log objectives; by how much limits are exceeded
    "smooth": lambda x, n, p, q: (_smooth(x, n, p, q), (x - 5.0,)),
    "a limit": lambda x, n, p, q: (_smooth(x, n, p, q), (0.6 - x * n**0.5, x * n - 6.0)),
    "an equality at the limit": lambda x, n, p, q: (_smooth(x, n, p, q), (x * 20.0 - 30.0, 4.0 - n)),
    "a jump": lambda x, n, p, q: ((jnp.where(x > 0.82, x - 2, x) + p, -x + 0.1 * n + q), (x - 1.93,)),
    "a fall inside a box": lambda x, n, p, q: ((x + p - 3.0 * ((x > 1.01) & (x < 1.07)), 1.0 / x + q), (-x,)),
    "whole steps": lambda x, n, p, q: ((jnp.ceil(3 * x) / n + p, jnp.floor(x * n) - x + q), (n - 10.0,)),
    "whole multiples": lambda x, n, p, q: ((n / jnp.floor(n / 3.0 + 1) + x, -x - jnp.round(n / 3.0) + q), (-x,)),
    "kinks": lambda x, n, p, q: ((jnp.maximum(x, 1 / x) + p, jnp.abs(x - 1.3) - jnp.minimum(x * n, 2.0) + q), (jnp.abs(x - 1) - 0.8,)),
    "undefined in half of the box": lambda x, n, p, q: ((jnp.log(x - 1.02) + p + n, -jnp.sqrt(x - 1.02) * n + q), (x - 1.9,)),
    "undefined beside a limit": lambda x, n, p, q: ((x + n, -x + q), (jnp.log(x - 1.02) + p,)),
    "infinite at the best": lambda x, n, p, q: ((1 / (x - 1.0) ** 2 + p, n * x), (-x,)),
    "a choice by the undefined": lambda x, n, p, q: ((jnp.where(jnp.log(x - 1.02) > -2.0, -x, x) + p, n + x), (-x,)),
    "one objective": lambda x, n, p, q: ((jnp.abs(x - 0.73) + 0.1 * jnp.abs(n - 3.0) + p * q,), (-x,)),
    "three objectives": lambda x, n, p, q: ((*_smooth(x, n, p, q), jnp.log(x * n) * 0.3), (-x,)),
    "nothing feasible in a cell": lambda x, n, p, q: (_smooth(x, n, p, q), (p - 0.1,)),
    "one cell is best by far": lambda x, n, p, q: ((x + 5 * p, -x - n + 9 * p), (-x,)),
}  # fmt: skip
SIZE = 512
COARSE, FINE = np.log1p(0.05), 1e-3


class Toy(NamedTuple):
    """A model with all its designs: values (2, n), cells (n,), objectives (o, n), feasible (n,)."""

    problem: dict[str, Any]
    x: np.ndarray
    cell: np.ndarray
    objectives: np.ndarray
    feasible: np.ndarray
    evaluate: Any

    def excess(self, front):
        """The true log(1 + eps) of a front: how far the best design beats all of it in every objective."""
        points = self.objectives[:, self.feasible]
        return np.max(np.min(np.max(front[:, :, None] - points[:, None, :], axis=0), axis=0))

    def front(self):
        """All designs that are feasible and not dominated."""
        keep = np.flatnonzero(self.feasible)
        keep = keep[nondominated(self.objectives[:, keep].T)]
        return Archive(self.x[:, keep], self.cell[keep], self.objectives[:, keep])

    def started(self, front, target):
        """A branching over both cells."""
        return branching(self.problem | {"front": front, "target": target}, np.arange(2))


def _toy(name):
    model, one = MODELS[name], jnp.asarray(1.3)
    program = flatten(model, (one, one, one, one), {})
    grid = [np.stack(np.meshgrid(STEP * np.arange(2, 41), row), axis=0).reshape(2, -1) for row in TABLES.rows]
    x, cell = np.concatenate(grid, axis=1), np.repeat([0, 1], [g.shape[1] for g in grid])

    compiled = jax.jit(lambda x, cell: model(*x, *(jnp.asarray(leaf)[cell] for leaf in LEAVES.values())))

    def evaluate(x, cell):
        padded = np.minimum(np.arange(SIZE * -(-len(cell) // SIZE)), len(cell) - 1).reshape(-1, SIZE)
        found = [[np.stack([np.broadcast_to(v, SIZE) for v in rows]) for rows in compiled(x[:, part], cell[part])] for part in padded]
        objectives, gaps = (np.concatenate(rows, axis=1)[:, : len(cell)] for rows in zip(*found, strict=True))
        return objectives, np.all(gaps <= 0, axis=0)

    objectives, feasible = evaluate(x, cell)
    feasible &= np.all(np.isfinite(objectives), axis=0)
    problem = {
        "program": program, "dimension": 2, "objectives": len(objectives), "lattice": LATTICE, "cells": 2,
        "leaves": {2 + i: column(leaf) for i, leaf in enumerate(LEAVES.values())},
    }  # fmt: skip
    return Toy(problem, x, cell, objectives, feasible, evaluate)


@pytest.fixture(scope="module", params=MODELS)
def toy(request):
    return _toy(request.param)


def _places(toy, boxes):
    """Numbers of the designs that are handed out; every one must be a design of its cell."""
    assert np.array_equal(boxes.low, boxes.high)
    far = np.abs(toy.x[:, :, None] - boxes.low[:, None, :]).max(axis=0) + (toy.cell[:, None] != boxes.cell)
    assert np.all(far.min(axis=0) < 1e-12)
    return far.argmin(axis=0)


def _worst(toy):
    """A front of the one feasible design that is worst in sum."""
    keep = np.flatnonzero(toy.feasible)
    row = keep[np.argmax(toy.objectives[:, keep].sum(axis=0))]
    return Archive(toy.x[:, [row]], toy.cell[[row]], toy.objectives[:, [row]])


@pytest.mark.parametrize("target", [COARSE, FINE])
def test_a_proof_that_ends_is_true(toy, target):
    proof = prove(toy.problem | {"target": target}, _worst(toy), toy.evaluate, 20.0, 1, lambda progress: None)
    assert proof.open == 0
    assert proof.excess == target
    assert toy.excess(proof.front.objectives) <= target
    known, feasible = toy.evaluate(proof.front.x, proof.front.cell)
    assert feasible.all()
    np.testing.assert_array_equal(known, proof.front.objectives)
    assert nondominated(proof.front.objectives.T).all()


def _open(branch):
    """All boxes that are left, cells that were not yet looked at among them."""
    rest = branch.cells[branch.first :]
    return joined([branch.open.boxes, Boxes(rest, *branch.lattice.ends(rest))])


@pytest.mark.parametrize("batch", [1, 2048])
@pytest.mark.parametrize("remembered", [0, 2**23])
def test_a_proof_does_not_depend_on_how_its_work_is_cut(monkeypatch, batch, remembered):
    monkeypatch.setattr(branches, "BATCH", batch)
    monkeypatch.setattr(branches, "REMEMBERED", remembered)
    toy = _toy("three objectives")
    for cells in ([0], [1], [0, 1]):
        front = toy.front()
        branch = branching(toy.problem | {"front": front.objectives[:, ::9], "target": FINE}, np.array(cells))
        branch.run(20.0)
        found = [i for i in _places(toy, branch.handed_out()) if toy.feasible[i]]
        assert not branch.state.open
        whole = np.concatenate([front.objectives[:, ::9], toy.objectives[:, found]], axis=1)
        here = toy._replace(feasible=toy.feasible & np.isin(toy.cell, cells))
        assert here.excess(whole) <= FINE


def test_processes_share_a_proof_and_the_loss_of_one_is_no_loss(monkeypatch):
    toy = _toy("a limit")
    start = _worst(toy)
    for workers in (2, 3):  # of two cells
        proof = prove(toy.problem | {"target": FINE}, start, toy.evaluate, 20.0, workers, lambda progress: None)
        assert proof.open == 0
        assert toy.excess(proof.front.objectives) <= FINE
    monkeypatch.setattr(certify, "_serve", _dead)
    proof = prove(toy.problem | {"target": FINE}, start, toy.evaluate, 20.0, 2, lambda progress: None)
    assert proof.open == 0
    assert toy.excess(proof.front.objectives) <= FINE


def _dead(pipe, problem, cells):
    """A member that ends before it answers."""


def test_what_a_stopped_proof_states_is_true(toy):
    front = _worst(toy).objectives
    branch = toy.started(front, FINE)
    found = set()
    for _ in range(12):
        if not branch.state.open:
            break
        branch.step()
        found |= set(_places(toy, branch.handed_out()))
        designs = [i for i in found if toy.feasible[i]]
        together = np.concatenate([front, toy.objectives[:, designs]], axis=1)
        assert toy.excess(together) <= branch.state.excess


def test_what_is_proved_with_a_better_front_still_holds(toy):
    branch, front = toy.started(_worst(toy).objectives, FINE), _worst(toy).objectives
    while branch.state.open:
        branch.step()
        designs = [i for i in _places(toy, branch.handed_out()) if toy.feasible[i]]
        front = np.concatenate([front, toy.objectives[:, designs]], axis=1)
        front = front[:, nondominated(front.T)]
        branch.cover(front)
        assert toy.excess(front) <= branch.state.excess


def test_a_design_that_is_missing_is_handed_out(toy):
    front = toy.front()
    for row in range(0, front.size, max(front.size // 8, 1)):
        rest = np.delete(front.objectives, row, axis=1)
        if not rest.size or (lost := toy.excess(rest)) <= 2 * FINE:
            continue
        branch, found = toy.started(rest, lost / 2), []
        branch.run(20.0)
        assert not branch.state.open
        found = [i for i in _places(toy, branch.handed_out()) if toy.feasible[i]]
        gains = np.min(np.max(rest[:, :, None] - toy.objectives[:, None, found], axis=0), axis=0)
        assert gains.max(initial=0.0) == pytest.approx(lost)


def test_a_complete_front_needs_nothing_more(toy):
    front = toy.front()
    proof = prove(toy.problem | {"target": FINE}, front, toy.evaluate, 20.0, 1, lambda progress: None)
    assert proof.open == 0
    assert proof.front is front
    assert set(map(tuple, proof.front.objectives.T)) == set(map(tuple, front.objectives.T))


def test_open_boxes_and_closed_ones_hold_every_design(toy):
    """What is neither in an open box nor handed out is infeasible or covered, after every step."""
    front, out = _worst(toy).objectives, np.zeros(len(toy.cell), dtype=bool)
    branch = toy.started(front, COARSE)
    covered = np.min(np.max(front[:, :, None] - toy.objectives[:, None, :], axis=0), axis=0) <= COARSE
    while branch.state.open:
        branch.step()
        boxes = _open(branch)
        inside = np.all((toy.x[:, :, None] >= boxes.low[:, None] - 1e-12) & (toy.x[:, :, None] <= boxes.high[:, None] + 1e-12), axis=0)
        held = np.any(inside & (toy.cell[:, None] == boxes.cell), axis=1)
        out[_places(toy, branch.handed_out())] = True
        assert np.all(held | out | covered | ~toy.feasible)


def test_beside_a_metric_of_zero_no_factor_holds(monkeypatch):
    """The logarithm of an objective that is zero is infinite: such a design is infinitely better than any other."""
    monkeypatch.setitem(MODELS, "zero", lambda x, n, p, q: ((jnp.log(n - 1.0) + p, x), (-x,)))
    toy = _toy("zero")
    proof = prove(toy.problem | {"target": COARSE}, _worst(toy), toy.evaluate, 20.0, 1, lambda progress: None)
    assert (proof.open, proof.eps) == (0, np.inf)
    assert np.isfinite(proof.front.objectives).all()


def test_every_part_of_a_proved_problem_enters_its_name():
    problem = _toy("smooth").problem
    lattice = problem["lattice"]
    others = [
        problem | {"program": _toy("kinks").problem["program"]},
        problem | {"leaves": problem["leaves"] | {2: column(LEAVES["p"] + 0.1)}},
        problem | {"lattice": lattice._replace(steps=2 * lattice.steps)},
        problem | {"lattice": lattice._replace(high=2 * lattice.high)},
        problem | {"lattice": lattice._replace(tables={1: TABLES._replace(which=np.array([1, 0]))})},
    ]
    assert fingerprint(problem) == fingerprint(_toy("smooth").problem)
    assert len({fingerprint(p) for p in [problem, *others]}) == 6


def test_a_free_variable_is_proved_between_the_grid_too():
    """A design without steps is never alone in a box: the front that the middles give is what closes boxes."""
    toy = _toy("smooth")
    front = _worst(toy).objectives
    branch = branching(toy.problem | {"lattice": LATTICE._replace(steps=np.zeros(2)), "front": front, "target": COARSE}, np.arange(2))
    while branch.state.open:
        branch.step()
        found = branch.handed_out()
        if not found.size:
            break
        points, feasible = toy.evaluate(found.low, found.cell)
        front = np.concatenate([front, points[:, feasible]], axis=1)
        branch.cover(front)
    x = np.exp(np.random.default_rng(0).uniform(np.log(LOW), np.log(HIGH), 4000))
    cell = np.arange(4000) % 2
    n = np.array([TABLES.rows[c][i % len(TABLES.rows[c])] for i, c in enumerate(cell)])
    points, feasible = toy.evaluate(np.stack([x, n]), cell)
    lost = np.min(np.max(front[:, :, None] - points[:, None, feasible], axis=0), axis=0)
    assert lost.max() <= COARSE
