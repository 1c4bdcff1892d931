"""Which combinations of discrete choices does a study have, and what does each set?

A cell is one legal combination. Its columns hold numbers by path, or the number of a part, a
package of choices or a fabric; `cell_values` turns them into leaves of the design.
"""

import math
from collections import Counter
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.config.problems import ConfigError, Problem
from codesign.config.study_file import StudyFile
from codesign.config.traffic_file import legal_ranks
from codesign.config.values import FABRIC
from codesign.design import Design, has, with_values
from codesign.fields import as_float
from codesign.legal import POD, Groups, column, degrees_of, distinct_rows, groups_of, pod_rule, pod_tables, rules_of
from codesign.performance.demand import Demand, demand_numbers
from codesign.search.lattice import Lattice, Table
from codesign.search.space import Listed
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
BLOCK = 1 << 18
"""Combinations looked at in one go."""
MOST_COMBINATIONS = 1 << 28
"""Looking through more takes minutes."""
MOST_NUMBERS, KEPT_BESIDES = 75_000_000, 10
"""Numbers of all cells, some 45 bytes each in search and proof, that fit into 4 GiB (`experiments/large_run.py`); a cell has
one per choice and variable, and some besides."""


class NoLegalMapping(Exception):
    """No combination of the listed degrees is legal; says which rules bar how many."""


def _combinations(file: StudyFile, first: int, last: int) -> dict[str, np.ndarray]:
    """Combinations of the discrete choices from one number to another, the last choice changing fastest: one column per path."""
    found, rest = {}, np.arange(first, last)
    for free in reversed(file.discrete):
        rest, place = np.divmod(rest, len(free.values))
        found[free.path] = np.asarray(free.values, dtype=float)[place]
    return {free.path: found[free.path] for free in file.discrete}


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
    """The legal combinations of the discrete choices, with dp filled in.

    Raises `NoLegalMapping` if there is none, `ConfigError` if there are more than can be held.
    """
    total = math.prod(len(free.values) for free in file.discrete)
    if total > MOST_COMBINATIONS:
        raise _too_many(file, f"{_size(total)} combinations, more than the {_size(MOST_COMBINATIONS)} that can be looked through")
    most = MOST_NUMBERS // (len(file.discrete) + len(file.continuous) + KEPT_BESIDES)
    found, barred, cells = list[dict[str, np.ndarray]](), Counter[str](), 0
    for first in range(0, total, BLOCK):
        columns, bars = _legal_block(_combinations(file, first, min(first + BLOCK, total)), file, design, workload)
        found.append(columns)
        barred.update(bars)
        cells += len(next(iter(columns.values())))
        if cells > most:
            raise _too_many(file, f"more than {most:,} legal combinations, beyond which search and proof need over 4 GiB")
    if not cells:
        text = "; ".join(f"{rule}: bars {count} of {total}" for rule, count in barred.most_common() if count)
        raise NoLegalMapping(f"no legal mapping among {total} combinations: {text}")
    return {path: np.concatenate([columns[path] for columns in found]) for path in found[0]}


def _size(count: int) -> str:
    """A count that may be beyond all numbers that a float holds.

    >>> _size(1234567), _size(10**400)
    ('1,234,567', 'some 10^400')
    """
    return f"{count:,}" if count < 10**15 else f"some 10^{len(str(count)) - 1}"


def _too_many(file: StudyFile, what: str) -> ConfigError:
    """Says which lists are long, so that a user knows where to cut."""
    lists = sorted(file.discrete, key=lambda free: -len(free.values))
    lengths = " x ".join(f"{len(free.values)} of {free.name}" for free in lists if len(free.values) > 1)
    return ConfigError([Problem("discrete", 0, "", f"{what} ({lengths}): shorten the lists, or split the study and join its fronts")])


def _legal_block(
    columns: dict[str, np.ndarray], file: StudyFile, design: Design, workload: Workload
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """The legal ones of some combinations, and how many of them every rule bars."""
    rules = rules_of(columns, design, workload)
    rules["a pod holds whole tensor-parallel groups and expert sets"] = pod_rule(file, groups_of(columns, design, workload), columns)
    if file.demand is not None:
        ranks = legal_ranks(file.demand.matrix)
        rules["ep divides the ranks of the traffic"] = np.isin(column("mapping.ep", columns, design, workload), ranks)
    allowed = np.all(list(rules.values()), axis=0) & _matters(file, columns)
    filled = {} if design.mapping is None else {"mapping.dp": degrees_of(columns, design, workload)["dp"][allowed]}
    if not columns and not filled:  # the one cell of a study in which nothing is chosen needs a number to stand for it
        filled = {UNIT: column(UNIT, columns, design, workload)[allowed]}
    found = {path: values[allowed] for path, values in columns.items()} | filled
    return found, {rule: int(np.sum(~mask)) for rule, mask in rules.items()}


def cell_values(file: StudyFile, columns: dict[str, np.ndarray], dtype: Any) -> dict[str, Any]:
    """Columns as leaves of a design: numbers as arrays, chosen parts as stacked parts and the row of each cell."""
    options = {free.path: free.options for free in file.discrete if free.options}
    values: dict[str, Any] = {}
    for path, chosen in columns.items():
        if path == FABRIC:
            values[f"{path}.index"] = jnp.asarray(chosen, dtype=dtype)
        elif path in options:
            stacked = {inner: tree.stack([option[inner] for option in options[path]]) for inner in options[path][0]}
            row = jnp.asarray(chosen, dtype=jnp.int32)
            values |= {inner: Listed(row, tree.cast(nodes, dtype)) for inner, nodes in stacked.items()}
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
    distinct, which = distinct_rows([columns[path] for path in paths] or [np.zeros(len(columns["mapping.dp"]))])
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
    return {path: found[which, column] for column, path in enumerate(DEMAND)}
