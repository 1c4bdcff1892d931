"""How far from optimal can the front of a study at most be, and in which box and lattice?"""

import hashlib
import inspect
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.cells import cell_values
from codesign.search import bound, branch, columns, cover, enclose, exactness, interval, lattice, operation_bounds, pool, slopes
from codesign.search import program as programs
from codesign.search.archive import Archive
from codesign.search.certify import Proof, ProofProgress, prove
from codesign.search.columns import Column, column
from codesign.search.program import flatten
from codesign.search.space import Listed, cells_at, is_listed
from codesign.study import Exact, Front, Study, designs_of, front_of, gap_results, make_exact_evaluation, make_model

RULES = (programs, columns, interval, operation_bounds, exactness, slopes, enclose, bound, cover, branch, pool, lattice)
"""The modules by which a problem is bounded."""


class Certificate(NamedTuple):
    """A proof with what it is about: eps, target, boxes, open boxes, seconds of the proof and of tracing the model before it.

    Of the problem: cells, operations of the traced model, designs on the front, `model` (see `fingerprint`).
    `interrupted`: a user ended it before the target or the time.
    """

    eps: float
    target: float
    boxes: int
    open: int
    seconds: float
    tracing: float
    cells: int
    operations: int
    designs: int
    model: str
    interrupted: bool


def columns_of(cells: Any) -> list[Column]:
    """The leaves of cells in the order in which `cells_at` has them; of listed parts only rows that some cell has."""
    found = []
    for node in jax.tree.leaves(cells, is_leaf=is_listed):
        if isinstance(node, Listed):
            taken = column(np.asarray(node.row))
            found += [Column(np.asarray(leaf)[taken.values], taken.row) for leaf in jax.tree.leaves(node.options)]
        else:
            found.append(column(np.asarray(node)))
    return found


def problem_of(study: Study, target: float) -> dict[str, Any]:
    """The study as plain data for `prove`; `UnknownOperation` names an operation that has no bounds."""
    with jax.enable_x64(True):
        model = make_model(study.file, study.design, study.workload, jnp.float64, gap_results)
        cells = cell_values(study.file, study.columns, jnp.float64)
        dimension = study.space.dimension
        leaves = {dimension + i: leaf for i, leaf in enumerate(columns_of(cells))}
        fixed = {number: leaf.only for number, leaf in leaves.items() if leaf.only is not None}
        one = cells_at(cells, np.array(0))
        middle = tuple(jnp.asarray(value) for value in np.sqrt(study.space.low * study.space.high))
        program = flatten(model, (middle, one), fixed)
    moving = {number: leaf for number, leaf in leaves.items() if number not in fixed}
    return {
        "program": program, "dimension": dimension, "objectives": len(study.file.objectives), "leaves": moving,
        "lattice": study.space.lattice, "cells": study.space.size, "target": float(np.log1p(target)),
    }  # fmt: skip


def certify(
    study: Study, front: Archive, exact: Exact, target: float, seconds: float, workers: int, watch: Callable[[ProofProgress], None]
) -> tuple[Certificate, Archive]:
    """A proof for a front of exact float64 values, and the front with the designs that the proof found."""
    start = time.perf_counter()
    problem = problem_of(study, target)
    tracing = time.perf_counter() - start

    def evaluate(x: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, objectives, broken = exact(x, cell)
        return objectives, np.all(broken <= 0, axis=0)

    proof = prove(problem, front, evaluate, seconds, workers, watch)
    return _certificate(proof, problem, target, tracing), proof.front


def certified(
    front: Front, target: float, seconds: float, workers: int, watch: Callable[[ProofProgress], None]
) -> tuple[Certificate, Front]:
    """A proof for a solved study, and its front with the designs that the proof found."""
    with jax.enable_x64(True):
        exact = make_exact_evaluation(front.study)
        designs = designs_of(front, exact)
        certificate, better = certify(front.study, designs, exact, target, seconds, workers, watch)
        if better is not designs:
            front = front_of(front.study, better, exact, front.found, front.volumes, front.seed)
    return certificate, front


def fingerprint(problem: dict[str, Any]) -> str:
    """What names a proved problem: program, cells, lattice, and the rules by which it was bounded. Another one of each has another name."""
    found, built = hashlib.sha256(repr(problem["program"]).encode()), problem["lattice"]
    tables = [array for _, table in sorted(built.tables.items()) for array in (*table.rows, table.which)]
    leaves = [array for leaf in problem["leaves"].values() for array in leaf]
    for array in (*leaves, built.low, built.high, built.steps, *tables):
        found.update(str(np.shape(array)).encode() + np.ascontiguousarray(array, dtype=float).tobytes())
    for module in RULES:
        found.update(inspect.getsource(module).encode())
    return found.hexdigest()


def _certificate(proof: Proof, problem: dict[str, Any], target: float, tracing: float) -> Certificate:
    size, model = len(problem["program"].operations), fingerprint(problem)
    proved = proof.eps, target, proof.boxes, proof.open, proof.seconds
    return Certificate(*proved, tracing, problem["cells"], size, proof.front.size, model, proof.interrupted)
