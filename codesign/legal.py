"""Which combinations of discrete choices are legal, and in which pods do their groups lie exactly?"""

import functools

import numpy as np

from codesign.config.study_file import StudyFile
from codesign.design import Design, value_at
from codesign.mapping.lattice import data_parallel_degree, divides, exact_pods, legality
from codesign.mapping.serving_lattice import pool_legality
from codesign.workload.training import Workload

POD = "cluster.pod.size"
DEGREES = ("dp", "tp", "pp", "cp", "ep", "etp", "micro_batch")
POOLS = ("decode", "prefill")
Columns = dict[str, np.ndarray]
Groups = list[tuple[np.ndarray, np.ndarray]]
"""Blocks that stay together and sets of experts, in devices, of training and of every kind of serving unit."""


def column(path: str, columns: Columns, design: Design, workload: Workload) -> np.ndarray:
    """The column of `path`, or the base value repeated."""
    if path in columns:
        return columns[path]
    count = len(next(iter(columns.values()))) if columns else 1
    return np.full(count, float(value_at(design, workload, path)))


def degrees_of(columns: Columns, design: Design, workload: Workload) -> Columns:
    """Degrees of parallelism of training, per combination."""
    degrees = {name: column(f"mapping.{name}", columns, design, workload) for name in DEGREES}
    if "mapping.dp" not in columns:
        degrees["dp"] = data_parallel_degree(degrees, float(design.cluster.devices))
    return degrees


def _pools(columns: Columns, design: Design, workload: Workload) -> dict[str, Columns]:
    """Degrees of the units of every kind that a design has, per combination."""
    if design.deployment is None:
        return {}
    kinds = POOLS if float(design.deployment.disaggregated) > 0 else POOLS[:1]
    names = ("ep", "etp", "tp", "replicas")
    return {kind: {name: column(f"deployment.{kind}.{name}", columns, design, workload) for name in names} for kind in kinds}


def _shapes(columns: Columns, design: Design, workload: Workload) -> Columns:
    """The sizes of a workload that degrees must divide, per combination."""

    def size(path: str) -> np.ndarray:
        return column(f"workload.{path}", columns, design, workload)

    granularity = size("model.granularity")
    shapes = {name: size(f"model.{name}") for name in ("layers", "base_experts", "base_d_expert")}
    shapes |= {"experts": shapes["base_experts"] * granularity, "d_expert": shapes["base_d_expert"] / granularity}
    shapes["heads"] = size("model.attention.heads")
    return shapes | {name: size(f"training.{name}") for name in ("global_batch", "sequence")}


def rules_of(columns: Columns, design: Design, workload: Workload) -> Columns:
    """Every rule of legality as a mask over the combinations."""
    shapes = _shapes(columns, design, workload)
    rules = legality(degrees_of(columns, design, workload), shapes) if design.mapping is not None else {}
    for kind, pool in _pools(columns, design, workload).items():
        rules |= pool_legality(kind, pool, shapes)
    return rules


def broken_rules(design: Design, workload: Workload) -> list[str]:
    """Rules of legality that the mapping or the deployment of one design breaks."""
    own = {} if design.mapping is None else {"mapping.dp": np.array([float(design.mapping.dp)])}
    return [rule for rule, mask in rules_of(own, design, workload).items() if not mask.all()]


def groups_of(columns: Columns, design: Design, workload: Workload) -> Groups:
    """The groups of every combination."""
    found = []
    if design.mapping is not None:
        d = degrees_of(columns, design, workload)
        found.append((d["tp"] * d["cp"], d["ep"] * d["etp"]))
    return found + [(p["tp"], p["ep"] * p["etp"]) for p in _pools(columns, design, workload).values()]


def _listed_pods(file: StudyFile, columns: Columns) -> np.ndarray | None:
    """The pod size of every combination, where sizes are listed alone or in a package of choices."""
    for free in file.discrete:
        if free.path == POD:
            return columns[POD]
        if free.options and POD in free.options[0]:
            return np.array([float(option[POD]) for option in free.options])[columns[free.path].astype(int)]
    return None


def pod_rule(file: StudyFile, groups: Groups, columns: Columns) -> np.ndarray:
    """Can a pod be built in which placement is exact? The only pod of a study is taken as it is."""
    if any(f.path == POD for f in file.continuous):
        tables, which = pod_tables(file, groups)
        return np.array([len(table) > 0 for table in tables])[which]
    pods, sizes = _listed_pods(file, columns), [size for pair in groups for size in pair]
    if pods is None:
        return np.ones(len(sizes[0]), dtype=bool)
    return np.all([divides(size, pods) | divides(pods, size) for size in sizes], axis=0)


def pod_tables(file: StudyFile, groups: Groups) -> tuple[list[np.ndarray], np.ndarray]:
    """The pods that can be built for every distinct set of groups, and the table that each cell uses."""
    free = next(f for f in file.continuous if f.path == POD)
    distinct, which = distinct_rows([size for pair in groups for size in pair])

    def pods(sizes: np.ndarray) -> np.ndarray:
        """Pods in which the groups of all kinds lie exactly."""
        fitting = [exact_pods(float(block), float(spread), free.low, free.high, free.step) for block, spread in sizes.reshape(-1, 2)]
        return functools.reduce(np.intersect1d, fitting)

    return [pods(sizes) for sizes in distinct], which


def distinct_rows(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows (m, k) of k columns (n,), in order of the first column and so on, and the row of each place (n,).

    >>> distinct_rows([np.array([2.0, 1.0, 2.0]), np.array([5.0, 5.0, 5.0])])[1].tolist()
    [1, 0, 1]
    """
    key = np.unique(columns[0], return_inverse=True)[1].ravel()
    for numbers in columns[1:]:  # the number of distinct rows so far times that of a column's values cannot overflow
        values, place = np.unique(numbers, return_inverse=True)
        key = np.unique(key * len(values) + place.ravel(), return_inverse=True)[1].ravel()
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return np.stack([numbers[first] for numbers in columns], axis=1), which.ravel()
