"""Which cases do the families run over? Everything that is shipped, found by looking, and a few hand-made mappings."""

import functools
import itertools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.api import load
from codesign.cells import cell_values
from codesign.config import load_design, load_study, load_system, load_workload_named, workload_names
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.design import Design, has, leaves, value_at, with_values
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.mapping import parallelism
from codesign.physical.built import built
from codesign.search.space import cells_at, lanes, to_values
from codesign.study import Exact, Study, make_exact_evaluation, make_model
from codesign.units import unit_factor

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
STUDIES, DESIGNS = (sorted(p.stem for p in (CONFIGS / kind).glob("*.toml")) for kind in ("studies", "designs"))


def lays(kind: str, name: str, table: str) -> bool:
    """Does a file lay work of that kind over its cluster: "mapping" or "deployment"?"""
    return table in tomllib.loads((CONFIGS / kind / f"{name}.toml").read_text(encoding="utf-8"))


TRAINING_STUDIES = [name for name in STUDIES if lays("studies", name, "mapping")]
"""Studies of clusters that train; some serve too."""
WORKLOADS = workload_names(CONFIGS / "workloads")
"""Every workload, alone in a file or a variant."""
STRUCTURES = (
    "passage_4.7t",  # experts of two matrices, multi-head attention, no vocabulary
    "deepseek_v3",  # latent attention, leading dense layers, a shared expert, node-limited routing, 8 bits
    "deepseek_v2_lite",  # latent attention without compressed queries
    "qwen3_235b_a22b",  # grouped-query attention, experts in every layer
    "qwen2_57b_a14b",  # the same with shared experts
    "gpt3_175b",  # dense, two matrices, multi-head attention, tied embedding
    "llama3_70b",  # dense, three matrices, grouped-query attention
)
"""One workload of each structure, for families of tests that would take long over all."""

Point = tuple[Design, Any]

HAND_MADE: dict[str, tuple[str, str, str, dict[str, float]]] = {
    "deepseek_v3": ("h800", "deepseek_v3", "overlapped", {"dp": 128, "tp": 1, "pp": 16, "ep": 64, "etp": 1}),
    "qwen3": ("h800", "qwen3_235b_a22b", "full", {"dp": 64, "tp": 4, "pp": 2, "cp": 4, "ep": 32, "etp": 2}),
    "gpt3_dense": ("h800", "gpt3_175b", "full", {"dp": 16, "tp": 8, "pp": 16, "ep": 1, "etp": 1}),
}


def _references(study: str) -> list[str]:
    data = tomllib.loads((CONFIGS / "studies" / f"{study}.toml").read_text(encoding="utf-8"))
    return [f"{study}/{entry['name']}" for entry in data.get("reference", [])]


ONLY_TRAINING = [name for name in TRAINING_STUDIES if not lays("studies", name, "deployment")]
ONE_WORK = [name for name in STUDIES if name in ONLY_TRAINING or name not in TRAINING_STUDIES]
"""Studies that train or serve: the halves of one that does both are those of others."""
BASES = [*(name for name in HAND_MADE if name != "deepseek_v3"), *ONLY_TRAINING]
"""Designs that only train, with their workloads: hand-made ones and the bases of studies, of which one is that of DeepSeek-V3."""
TRAINING_DESIGNS = [f"designs/{name}" for name in DESIGNS if lays("designs", name, "mapping")]
POINTS = [*BASES, *(name for study in ONLY_TRAINING for name in _references(study)), *TRAINING_DESIGNS]
"""The bases, the references of every study, and every shipped design."""

RESOURCES = {
    "scale_up": ("cluster.device.scale_up.bandwidth",),
    "scale_out": ("cluster.device.scale_out.bandwidth", "cluster.fabric.port_bandwidth"),
    "memory": ("cluster.device.package.memory.bandwidth",),
    "matrix": ("cluster.device.package.die.peak_flops", "cluster.device.package.die.peak_flops_8bit"),
}
"""What a step can wait for: the leaves that state its rate."""


@functools.cache
def workload(name: str) -> Any:
    """A shipped workload."""
    return load_workload_named(name).module


@functools.cache
def system(name: str) -> Any:
    """A shipped cluster."""
    return load_system(CONFIGS / "systems" / f"{name}.toml").module


LANES = 1024


@functools.cache
def study(name: str) -> Study:
    """A shipped study, ready to be searched."""
    return load(CONFIGS / "studies" / f"{name}.toml")


@functools.cache
def exact(name: str) -> Exact:
    """The exact evaluation of a shipped study, compiled once."""
    return make_exact_evaluation(study(name))


def mapping(rules: str, **degrees: float) -> parallelism.Mapping:
    """A mapping under a shipped schedule; degrees that are not given are 1."""
    ones = dict.fromkeys(("dp", "tp", "pp", "cp", "ep", "etp", "micro_batch"), 1)
    return parallelism.Mapping(schedule=load_catalogue(SHIPPED).rows["schedules"][rules].module, **(ones | degrees))


@functools.cache
def point(name: str) -> Point:
    """The design and workload of one of `POINTS`."""
    if name in HAND_MADE:
        cluster, model, rules, degrees = HAND_MADE[name]
        return Design(system(cluster), mapping(rules, **degrees)), workload(model)
    if name.startswith("designs/"):
        found = load_design(CONFIGS / f"{name}.toml")
        return found.design, found.workload
    base, file, _ = load_study(CONFIGS / "studies" / f"{name.split('/', maxsplit=1)[0]}.toml")
    chosen = next((r for r in file.references if name.endswith(f"/{r.name}")), base)
    return chosen.design, chosen.workload


def changed(base: Point, values: Mapping[str, float]) -> Point:
    """`base` with the leaves at the given paths replaced."""
    return with_values(*base, {path: as_float(float(value)) for path, value in values.items()})


def changed_where_there(base: Point, values: Mapping[str, float]) -> Point:
    """`base` with those leaves replaced that it has."""
    return changed(base, {path: value for path, value in values.items() if has(*base, path)})


def mapped(base: Point, **degrees: float) -> Point:
    """`base` with other degrees of parallelism."""
    return changed(base, {f"mapping.{name}": value for name, value in degrees.items()})


def as_built(base: Point) -> Point:
    """The point with what is designed in it built: dies and links whose numbers stand for themselves."""
    return Design(built(base[0].cluster), base[0].mapping), base[1]


def scheduled(base: Point, **rules: float) -> Point:
    """`base` with other rules of the schedule."""
    return changed(base, {f"mapping.schedule.{name}": value for name, value in rules.items()})


def multiplied(base: Point, **factors: float) -> Point:
    """`base` with some of its resources multiplied; a designed die has the rates of the die it is like."""
    paths = {p: factor for name, factor in factors.items() for p in RESOURCES[name]}
    own = {p if has(*base, p) else p.replace(".die.", ".die.like."): factor for p, factor in paths.items()}
    return changed(base, {p: factor * float(value_at(*base, p)) for p, factor in own.items() if has(*base, p)})


compiled_batch = jax.jit(jax.vmap(evaluate))


def sweep(base: Point, low: Mapping[str, float], high: Mapping[str, float]) -> Any:
    """Metrics of [base, every leaf of `low` at its value, every leaf of `high` at its value], one row each."""
    rows = [base] + [changed(base, {path: value}) for side in (low, high) for path, value in side.items()]
    return compiled_batch(*tree.stack(rows))


def steps(base: Point, share: float) -> dict[str, tuple[Any, float, float]]:
    """Of each leaf that is no count its declaration, value, and an increment: `share` of it, or of its unit where it is 0."""
    found = {}
    for path, declared, value in (leaf for leaf in leaves(*base) if not leaf[1].whole):
        found[path] = (declared, float(value), share * (abs(float(value)) or unit_factor(declared.unit)[0]))
    return found


QUICKLY = {"xla_backend_optimization_level": "0"}
"""Compiled in half of the time that running it step by step takes; results are the same to rounding."""


@functools.cache
def search_sample(name: str, dtype: str) -> dict[str, np.ndarray]:
    """What the search of a study sees, stacked: values and slopes at the corners of its box, then inside it.

    Cells are those with the least and the greatest value of each discrete choice, then random ones.
    """
    space, problem, generator = study(name).space, study(name), np.random.default_rng(0)
    corners = np.array(list(itertools.product((0.0, 1.0), repeat=space.dimension))).T
    z = np.concatenate([np.repeat(corners, LANES // 2 // corners.shape[1], axis=1), generator.random((space.dimension, LANES))], axis=1)
    extremes = dict.fromkeys(int(f(column)) for column in problem.columns.values() for f in (np.argmin, np.argmax))
    cells = np.resize([*extremes, *generator.integers(0, space.size, LANES)], LANES // 2 // corners.shape[1])
    cells = np.concatenate([np.resize(cells, LANES // 2), generator.integers(0, space.size, LANES)])[:LANES]
    kind = jnp.dtype(dtype)
    model = make_model(problem.file, problem.design, problem.workload, kind)
    leaves_of_cells = cells_at(cell_values(problem.file, problem.columns, kind), cells)

    def along(z: Any, direction: Any) -> Any:
        """Values and slopes in one direction: compiled once for all variables."""
        return jax.jvp(lambda moved: model(to_values(space, moved), leaves_of_cells), (z,), (direction,))

    compiled, start = jax.jit(along, compiler_options=QUICKLY), lanes(z[:, :LANES], kind)
    units = [tuple(jnp.full_like(v, i == j) for j, v in enumerate(start)) for i in range(space.dimension)]
    passes = [compiled(start, unit) for unit in units]
    values = dict(zip(("objectives", "violations"), map(np.stack, passes[0][0]), strict=True))
    return values | {f"d_{key}": np.stack([np.stack(slopes[place]) for _, slopes in passes]) for place, key in enumerate(values)}
