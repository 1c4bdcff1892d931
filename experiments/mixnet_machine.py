"""The machine of the MixNet study (arXiv 2501.03905 section 7.1) with any fabric at any rate, and its expert traffic."""

import functools
import itertools
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from claim import ROOT

from codesign import tree
from codesign.config import load_system, load_workload_named
from codesign.config.catalogue import load_catalogue
from codesign.config.traffic_file import read_traffic
from codesign.design import Design, with_values
from codesign.evaluate import evaluate
from codesign.mapping.parallelism import Mapping
from codesign.mapping.placement import placement
from codesign.topology.circuits.completion import pair_atomic_time, switched_time
from codesign.topology.circuits.greedy import greedy_circuits
from codesign.workload.traffic import hot_factor, server_matrix, without_diagonal

CONFIGS = ROOT / "configs"
RATES = (100, 200, 400, 800)
PORTS, OPTICAL = 8, 6
MICRO_BATCHES = 8
PERMUTATIONS = 200
STACK = "megatron_2021"


class Setting(NamedTuple):
    """How a model is laid out (Table 1): tensor and pipeline parallel degree, expert ranks; experts are as tensor-parallel as attention."""

    tp: int
    pp: int
    ep: int


MODELS = {
    "mixtral_8x22b": Setting(8, 8, 8),
    "mixtral_8x7b": Setting(4, 4, 8),
    "llama_moe_3.5b_4_16": Setting(1, 4, 16),
    "qwen15_moe_a2.7b": Setting(1, 4, 16),
}


@functools.cache
def rows() -> Any:
    """Every part of the catalogue, by table and name."""
    return load_catalogue(CONFIGS).rows


def part(table: str, name: str) -> Any:
    """One part."""
    return rows()[table][name].module


@functools.cache
def simulated() -> Any:
    """The shipped system."""
    return load_system(CONFIGS / "systems" / "mixnet_sim.toml").module


def cluster(fabric: str, rate: int, devices: int = 1024, changes: dict[str, Any] | None = None) -> Any:
    """The simulated cluster with a row of `fabrics`, everything at `rate` Gb/s; `changes` by path of the cluster."""
    base = tree.put(simulated(), {"fabric": part("fabrics", fabric), "devices": jnp.asarray(float(devices))})
    at_rate = {
        "device.scale_out.link": part("links", f"pluggable_{rate}g"),
        "device.scale_out.bandwidth": jnp.asarray(rate * 1e9 / 8),
        "fabric.switch": part("switches", f"eps_{rate}g"),
        "fabric.trunk": part("links", f"pluggable_{rate}g"),
        "fabric.interface": part("interfaces", f"nic_{rate}g"),
        "fabric.port_bandwidth": jnp.asarray(rate * 1e9 / 8),
    }
    base = tree.put(base, {path: value for path, value in at_rate.items() if tree.has(base, path)})
    return tree.put(base, {path: jnp.asarray(v, dtype=float) if isinstance(v, int | float) else v for path, v in (changes or {}).items()})


def mapping(setting: Setting, devices: int, schedule: str) -> Mapping:
    """Megatron's convention: ranks = dp tp pp, experts over dp."""
    dp = devices / setting.tp / setting.pp
    return Mapping(
        schedule=part("schedules", schedule), dp=dp, tp=setting.tp, pp=setting.pp, cp=1, ep=setting.ep, etp=setting.tp, micro_batch=8
    )


def point(
    model: str, fabric: str, rate: int, volume: float = 1.0, devices: int = 1024,
    schedule: str = STACK, changes: dict[str, Any] | None = None,
) -> tuple[Design, Any]:  # fmt: skip
    """A design and its workload; `volume` multiplies the bytes of every all-to-all."""
    setting = MODELS[model]
    laid = mapping(setting, devices, schedule)
    workload = load_workload_named(model).module
    batch = float(laid.dp) * 8 * MICRO_BATCHES
    own = {"training.global_batch": batch, "training.sequence": 4096.0, "training.exchange_imbalance": volume}
    workload = tree.put(workload, {path: jnp.asarray(value) for path, value in own.items()})
    return Design(cluster(fabric, rate, devices, changes), laid), workload


@functools.cache
def tokens() -> np.ndarray:
    """The public token matrix (8 ranks): row = source, column = expert."""
    return np.asarray(read_traffic(CONFIGS / "traffic" / "mixnet_8x8.csv"))


@functools.cache
def demand(model: str) -> Any:
    """Bytes between servers, in tokens: the matrix, repeated for more than 8 ranks with every row's sum kept, on servers of 8."""
    setting, matrix = MODELS[model], tokens()
    index = np.arange(setting.ep) % len(matrix)
    ranks = matrix[np.ix_(index, index)] * len(matrix) / setting.ep
    return without_diagonal(server_matrix(jnp.asarray(ranks), PORTS // setting.tp))


def hot(model: str) -> float:
    """Busiest over mean load of a server."""
    return float(hot_factor(demand(model)))


class Unevenness(NamedTuple):
    """All-to-all over circuits in units of a non-blocking fabric's: with circuits for this demand, and for another layer's."""

    fresh: float
    stale: float


@functools.cache
def unevenness(model: str) -> Unevenness:
    """Greedy circuits for the demand, and the mean over circuits that were given to the same demand with its servers permuted."""
    traffic = demand(model)
    best = switched_time(traffic, jnp.asarray(float(PORTS)))

    def over_best(order: tuple[int, ...]) -> float:
        circuits = greedy_circuits(traffic[np.ix_(order, order)], jnp.asarray(float(OPTICAL)))
        found = pair_atomic_time(traffic, circuits, jnp.asarray(1.0), jnp.asarray(float(PORTS - OPTICAL)))
        return float(found / best)

    size = len(traffic)
    everything = list(itertools.permutations(range(size))) if size <= 5 else None
    generator = np.random.default_rng(0)
    orders = everything or [tuple(map(int, generator.permutation(size))) for _ in range(PERMUTATIONS)]
    return Unevenness(over_best(tuple(range(size))), float(np.mean([over_best(order) for order in orders])))


def even_load(model: str, fabric: str, rate: int) -> float:
    """What the closed formula of the fabric charges for even demand, in units of a non-blocking fabric's time."""
    design, _ = point(model, fabric, rate)
    ends, group = design.cluster.fabric_ends, placement(design.mapping, design.cluster.pod.size).expert
    return float(ends.rate / design.cluster.fabric.all_to_all(group, ends).bandwidth)


def traffic_changes(model: str, fabric: str, rate: int) -> dict[str, Any]:
    """Numbers that put the model's uneven demand into a fabric's closed formula."""
    if fabric == "optical_circuits":
        found, even = unevenness(model), even_load(model, fabric, rate)
        region = float(len(demand(model)) * PORTS)
        return {"fabric.unevenness": found.fresh / even, "fabric.stale_unevenness": found.stale / even, "fabric.region": region}
    if fabric == "patch_panel":  # every link into the hot server also carries bytes in transit: sigma + h - 1
        hops, sigma = even_load(model, fabric, rate), hot(model)
        return {"fabric.unevenness": (sigma + hops - 1) / (sigma * hops)}
    return {}


def step_time(model: str, fabric: str, rate: int, volume: float, **more: Any) -> float:
    """Seconds of one step with the model's uneven demand."""
    changes = traffic_changes(model, fabric, rate) | more.pop("changes", {})
    return float(evaluate(*point(model, fabric, rate, volume, changes=changes, **more)).step_time)


def changed(base: tuple[Design, Any], values: dict[str, float]) -> tuple[Design, Any]:
    """A point with numbers replaced by path."""
    return with_values(*base, {path: jnp.asarray(value) for path, value in values.items()})
