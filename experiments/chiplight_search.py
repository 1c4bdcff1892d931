"""Which mapping, and which numbers of the hardware, give a system the best score? By many samples and mutations of the best.

The studies search fronts; here one number counts (throughput per dollar or per watt), for many
variants of a system whose structure is the same, so that one compiled program serves them all.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.cells import applied
from codesign.constraints import violations
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.mapping.lattice import data_parallel_degree, legality
from codesign.metrics import Metrics
from codesign.workload.training import Workload

CHUNK, PARENTS, ROUNDS = 8192, 128, 24
MICRO_BATCHES = (1, 2)
DEGREES = {"tp": (1, 2, 4, 8, 16), "pp": (1, 2, 4, 8, 16), "cp": (1, 2, 4, 8, 16, 32), "ep": (8, 16, 32, 64, 128), "etp": (1, 2, 4, 8)}
REPORTED = ("tokens_per_second", "manufacturing_cost", "capital_cost", "facility_power", "step_time", "package_cost")
Score = Callable[[Mapping[str, Any]], Any]


class Best(NamedTuple):
    """The best design found: what was free, what it reaches, and the design itself."""

    values: dict[str, float]
    reached: dict[str, float]
    design: Design
    workload: Workload
    score: float


def mappings(workload: Workload, devices: float, pods: np.ndarray, spanning: bool = False) -> dict[str, np.ndarray]:
    """Every legal mapping on `devices`, with each pod size in which tensor groups are not cut; `spanning`: with context across pods."""
    names = [*DEGREES, "micro_batch", "pod"]
    table = np.array(list(itertools.product(*DEGREES.values(), MICRO_BATCHES, pods)), dtype=float)
    degrees = dict(zip(names, table.T, strict=True))
    degrees["dp"] = data_parallel_degree(degrees, devices)
    model, training = workload.model, workload.training
    shapes: dict[str, Any] = {"layers": model.layers, "heads": model.attention.heads, "experts": model.experts, "d_expert": model.d_expert}
    shapes |= {"global_batch": training.global_batch, "sequence": training.sequence}
    rules = legality(degrees, {name: np.full(len(table), float(value)) for name, value in shapes.items()})
    whole = (degrees["pod"] % degrees["tp"] == 0) | (degrees["tp"] % degrees["pod"] == 0)
    allowed = np.all(list(rules.values()), axis=0) & whole
    if spanning:
        allowed &= (degrees["tp"] * degrees["cp"] > degrees["pod"]) & (degrees["cp"] > 1)
    return {name: column[allowed] for name, column in degrees.items()}


class System:
    """A design with its workload, and one compiled evaluation of everything that may vary."""

    def __init__(self, design: Design, workload: Workload) -> None:
        """The design is what everything that does not vary keeps."""
        self.point = design, workload
        self.compiled = jax.jit(self._evaluate)

    def _evaluate(self, columns: dict[str, Any]) -> tuple[Metrics, Any]:
        metrics = evaluate(*applied(self.point, columns))
        size = next(iter(columns.values())).shape
        broken = jnp.stack([jnp.broadcast_to(v, size) for v in violations(metrics)])
        return {name: jnp.broadcast_to(getattr(metrics, name), size) for name in REPORTED}, jnp.maximum(broken, 0).sum(axis=0)

    def evaluate(self, columns: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """What is reported of every column, and how far it is from legal; in chunks of one shape."""
        count, found = len(next(iter(columns.values()))), []
        for start in range(0, count, CHUNK):
            index = np.minimum(np.arange(start, start + CHUNK), count - 1)
            found.append(self.compiled({path: jnp.asarray(column[index]) for path, column in columns.items()}))
        reached = {name: np.concatenate([np.asarray(part[0][name]) for part in found])[:count] for name in REPORTED}
        return reached, np.concatenate([np.asarray(part[1]) for part in found])[:count]

    def at(self, values: dict[str, float]) -> tuple[Design, Workload]:
        """The design and workload with these values."""
        return applied(self.point, {path: jnp.asarray(value, dtype=float) for path, value in values.items()})


class Free(NamedTuple):
    """A number of the hardware: between `low` and `high` in whole multiples of `step`, SI; or one of `choices`."""

    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    choices: tuple[float, ...] = ()

    def sample(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """Values all over the range."""
        if self.choices:
            return generator.choice(np.array(self.choices), count)
        return self.snapped(np.exp(generator.uniform(np.log(self.low), np.log(self.high), count)))

    def moved(self, values: np.ndarray, generator: np.random.Generator, width: float) -> np.ndarray:
        """Values near those given."""
        if self.choices:
            other = generator.random(len(values)) < width
            return np.where(other, generator.choice(np.array(self.choices), len(values)), values)
        still = generator.random(len(values)) < 0.5
        return np.where(still, values, self.snapped(values * np.exp(width * generator.standard_normal(len(values)))))

    def snapped(self, values: np.ndarray) -> np.ndarray:
        """The nearest that can be built."""
        return np.clip(np.round(values / self.step) * self.step, self.low, self.high)


def _columns(
    legal: dict[str, np.ndarray], which: np.ndarray, hardware: dict[str, np.ndarray], fixed: dict[str, float]
) -> dict[str, np.ndarray]:
    found = {f"mapping.{name}": legal[name][which] for name in ("dp", "tp", "pp", "cp", "ep", "etp", "micro_batch")}
    found |= {"cluster.pod.size": legal["pod"][which]} | hardware
    return found | {path: np.full(len(which), value) for path, value in fixed.items()}


def best(
    system: System,
    devices: float,
    free: dict[str, Free],
    fixed: dict[str, float],
    score: Score,
    pods: tuple[int, ...],
    spanning: bool = False,
) -> Best:
    """The design of the highest score among the legal ones (see `mappings` for `spanning`); the same seed every time."""
    generator = np.random.default_rng(0)
    legal = mappings(system.point[1], devices, np.array(pods, dtype=float), spanning)
    fixed = {"cluster.devices": devices} | fixed
    count = len(legal["dp"])
    which = np.concatenate([np.arange(count), generator.integers(0, count, 4 * CHUNK)])
    hardware = {path: variable.sample(generator, len(which)) for path, variable in free.items()}
    held: tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]] | None = None
    for turn in range(ROUNDS if free else 1):
        reached, broken = system.evaluate(_columns(legal, which, hardware, fixed))
        value = np.where(broken > 1e-9, -1e3 * broken, score(reached))
        if held is not None:
            value, which = np.concatenate([held[0], value]), np.concatenate([held[1], which])
            hardware = {path: np.concatenate([held[2][path], column]) for path, column in hardware.items()}
        order = np.argsort(-value, kind="stable")[:PARENTS]
        held = value[order], which[order], {path: column[order] for path, column in hardware.items()}
        parents, width = generator.integers(0, len(order), CHUNK), 0.5 * 0.88**turn
        which = np.where(generator.random(CHUNK) < 0.3, generator.integers(0, count, CHUNK), held[1][parents])
        hardware = {path: free[path].moved(column[parents], generator, width) for path, column in held[2].items()}
    if held is None or held[0][0] < 0:
        raise ValueError(f"no legal design with {fixed}")
    columns = _columns(legal, held[1][:1], {path: column[:1] for path, column in held[2].items()}, fixed)
    reached, _ = system.evaluate(columns)
    values = {path: float(column[0]) for path, column in columns.items()}
    return Best(values, {name: float(column[0]) for name, column in reached.items()}, *system.at(values), float(held[0][0]))


def per_manufacturing_dollar(reached: Mapping[str, Any]) -> Any:
    """Tokens per second and device over the cluster's manufacturing cost."""
    return reached["tokens_per_second"] / reached["manufacturing_cost"]


def per_market_dollar(reached: Mapping[str, Any]) -> Any:
    """Tokens per second and device over the cluster's market price."""
    return reached["tokens_per_second"] / reached["capital_cost"]


def per_watt(reached: Mapping[str, Any]) -> Any:
    """Tokens per second and device over the facility's power."""
    return reached["tokens_per_second"] / reached["facility_power"]


def throughput(reached: Mapping[str, Any]) -> Any:
    """Tokens per second and device."""
    return reached["tokens_per_second"]
