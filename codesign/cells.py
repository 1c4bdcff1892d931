"""Which combinations of discrete choices does a study have, and what does each set?

A cell is one legal combination. Its columns hold numbers by path, or the number of a part, a
package of choices or a fabric; `cell_values` turns them into leaves of the design.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.config.study_file import StudyFile
from codesign.config.traffic_file import legal_ranks
from codesign.config.values import FABRIC
from codesign.design import Design, has, with_values
from codesign.fields import as_float
from codesign.legal import POD, Groups, column, degrees_of, groups_of, pod_rule, pod_tables, rules_of
from codesign.performance.demand import Demand, demand_numbers
from codesign.search.lattice import Lattice, Table
from codesign.topology.choice import Choice
from codesign.workload.training import Workload

DEMAND = (
    "workload.training.expert_imbalance",
    "workload.training.exchange_imbalance",
    "cluster.fabric.unevenness",
    "cluster.fabric.stale_unevenness",
)
"""Numbers that the traffic of a study sets in every cell."""

UNIT = "deployment.decode.ep"


class NoLegalMapping(Exception):
    """No combination of the listed degrees is legal; says which rules bar how many."""


def _grid(file: StudyFile) -> dict[str, np.ndarray]:
    """Every combination of the discrete choices, one column per path."""
    combinations = list(itertools.product(*(free.values for free in file.discrete)))
    table = np.asarray(combinations, dtype=float).reshape(len(combinations), len(file.discrete))
    return {free.path: table[:, i] for i, free in enumerate(file.discrete)}


def _matters(file: StudyFile, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Of combinations that differ only in a number which the chosen fabric does not have, the first."""
    fabrics = next((free for free in file.discrete if free.path == FABRIC), None)
    allowed = np.ones(len(next(iter(columns.values()), np.ones(1))), dtype=bool)
    for free in file.discrete:
        paths = list(free.options[0]) if free.options else [free.path]
        if fabrics is not None and free is not fabrics and all(path.startswith(FABRIC + ".") for path in paths):
            inner = [path.removeprefix(FABRIC + ".") for path in paths]
            has_it = np.array([any(tree.has(option[FABRIC], path) for path in inner) for option in fabrics.options])
            allowed &= has_it[columns[FABRIC].astype(int)] | (columns[free.path] == free.values[0])
    return allowed


def legal_columns(file: StudyFile, design: Design, workload: Workload) -> dict[str, np.ndarray]:
    """The legal combinations of the discrete choices, with dp filled in; `NoLegalMapping` if there is none."""
    columns = _grid(file)
    rules = rules_of(columns, design, workload)
    rules["a pod holds whole tensor-parallel groups and expert sets"] = pod_rule(file, groups_of(columns, design, workload), columns)
    if file.demand is not None:
        ranks = legal_ranks(file.demand.matrix)
        rules["ep divides the ranks of the traffic"] = np.isin(column("mapping.ep", columns, design, workload), ranks)
    allowed = np.all(list(rules.values()), axis=0) & _matters(file, columns)
    if not allowed.any():
        total = allowed.size
        barred = sorted(((int(np.sum(~mask)), rule) for rule, mask in rules.items()), reverse=True)
        text = "; ".join(f"{rule}: bars {count} of {total}" for count, rule in barred if count)
        raise NoLegalMapping(f"no legal mapping among {total} combinations: {text}")
    filled = {} if design.mapping is None else {"mapping.dp": degrees_of(columns, design, workload)["dp"][allowed]}
    if not columns and not filled:  # the one cell of a study in which nothing is chosen needs a number to stand for it
        filled = {UNIT: column(UNIT, columns, design, workload)}
    return {path: values[allowed] for path, values in columns.items()} | filled


def cell_values(file: StudyFile, columns: dict[str, np.ndarray], dtype: Any) -> dict[str, Any]:
    """Columns as leaves of a design: numbers as arrays, part choices as stacked parts gathered per cell."""
    options = {free.path: free.options for free in file.discrete if free.options}
    values: dict[str, Any] = {}
    for path, chosen in columns.items():
        if path == FABRIC:
            values[f"{path}.index"] = jnp.asarray(chosen, dtype=dtype)
        elif path in options:
            stacked = {inner: tree.stack([option[inner] for option in options[path]]) for inner in options[path][0]}
            values |= {inner: tree.cast(tree.take(nodes, chosen.astype(int)), dtype) for inner, nodes in stacked.items()}
        else:
            values[path] = jnp.asarray(chosen, dtype=dtype)
    return values


def open_point(file: StudyFile, design: Design, workload: Workload) -> tuple[Design, Workload]:
    """The base point with all fabrics of the study in the place of one, to be chosen by number."""
    listed = next((free.options for free in file.discrete if free.path == FABRIC), None)
    if listed is None:
        return design, workload
    choice = Choice(tuple(option[FABRIC] for option in listed), index=jnp.zeros(()))
    return with_values(design, workload, {FABRIC: choice})


def lattice_of(file: StudyFile, groups: Groups) -> Lattice:
    """What can be built of the continuous variables: whole steps, pods in which placement is exact."""
    low, high, steps = (np.array([getattr(free, key) for free in file.continuous]) for key in ("low", "high", "step"))
    pods = [row for row, free in enumerate(file.continuous) if free.path == POD]
    return Lattice(low, high, steps, {row: Table(*pod_tables(file, groups)) for row in pods})


def applied(point: tuple[Design, Workload], values: dict[str, Any]) -> tuple[Design, Workload]:
    """The point with the fabric replaced first, then everything else that it has: a fabric lacks the numbers of another."""
    point = with_values(*point, {path: value for path, value in values.items() if path == FABRIC})
    return with_values(*point, {path: value for path, value in values.items() if path != FABRIC and has(*point, path)})


UNSEEN = ("mapping.dp", "mapping.pp", "mapping.micro_batch")
"""Choices that the traffic does not see."""


def demand_columns(
    demand: Demand, file: StudyFile, columns: dict[str, np.ndarray], point: tuple[Design, Workload]
) -> dict[str, np.ndarray]:
    """What the traffic makes of every cell: computed once per distinct mapping of experts and fabric."""
    paths = [path for path in columns if path.startswith(("mapping.", FABRIC)) and path not in UNSEEN]
    options = {free.path: free.options for free in file.discrete if free.options}
    keys = np.stack([columns[path] for path in paths], axis=1) if paths else np.zeros((len(columns["mapping.dp"]), 1))
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    found = np.ones((len(distinct), len(DEMAND)))
    with jax.enable_x64(True):
        for row, key in enumerate(distinct):
            chosen = dict(zip(paths, key, strict=True)) if paths else {}
            values = {p: node for path, number in chosen.items() if path in options for p, node in options[path][int(number)].items()}
            values |= {path: as_float(number) for path, number in chosen.items() if path not in options}
            design, _ = applied(point, values)
            assert design.mapping is not None
            numbers = demand_numbers(demand, design.cluster, design.mapping)
            found[row] = [numbers.get(path, 1.0) for path in DEMAND]
    return {path: found[which.ravel(), column] for column, path in enumerate(DEMAND)}
