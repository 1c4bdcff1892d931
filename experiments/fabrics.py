"""How many fabrics can be evaluated per second, and how fast are circuits allocated?

Every row of `fabrics`: all that a network answers (rates and start-ups of three collectives, bisection,
price and power of its bill, limits, switching) over groups, device counts, port rates and numbers of the fabric
drawn at random; and what slopes cost. Then circuits of uneven matrices, beside the same rule in NumPy.
Measured in a process of its own, whose linear algebra has one thread: with more, small factorisations wait for one another.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from claim import ROOT, Row, parser, show
from mixnet_machine import OPTICAL, PORTS, cluster, part, rows

from codesign import tree
from codesign.topology.base import Topology
from codesign.topology.choice import Choice
from codesign.topology.circuits.completion import split_time
from codesign.topology.circuits.greedy import greedy_circuits
from codesign.topology.circuits.relaxation import relaxed_allocation
from codesign.topology.endpoints import Endpoints, Group
from codesign.workload.traffic import without_diagonal, zipf_shares

CHUNKS, REPEATS, FEW = (16_384, 65_536), 25, 5
FLOOR = 1.0
SENT = 1e9
SERVERS, MATRICES, IN_NUMPY, SIGMA = 64, 1000, 100, 2.4
MOST_MILLISECONDS = 5.0
CIRCUIT_RATE, ELECTRICAL_RATE = 1.0, float(PORTS - OPTICAL)
ENVIRONMENT = {"JAX_PLATFORMS": "cpu", "OPENBLAS_NUM_THREADS": "1"}
ASSUMPTIONS = [
    f"{os.cpu_count()} cores, CPU, compiled and warm, best of {REPEATS} runs ({FEW} of many matrices); float32, the relaxation float64",
    f"fabrics: jit(vmap) over a structure of arrays, the better of chunks of {' and '.join(f'{c:,}' for c in CHUNKS)}",
    "drawn: all numbers of the fabric and its parts within 20 %, 1 to 1,024 ranks, 64 to 65,536 devices in pods of 8, 100 to 800 Gb/s",
    "choice: all rows at once through Choice, one of them taken in each lane; its floor is that of a single fabric",
    f"gradient: value and reverse-mode slopes of (seconds of a 1 GB all-to-all + price), over the value alone, chunks of {CHUNKS[-1]:,}",
    "gradient to group, devices, port rate and the fabric's own numbers, parts fixed; value and gradient take turns",
    f"circuits: {SERVERS} servers with {OPTICAL} optical ports; demand is gamma draws times Zipf columns of hot factor {SIGMA}",
    f"numpy: the same rule for {IN_NUMPY} matrices one by one, ranking all pairs before every circuit as the compiled rule does",
    "lean numpy: ranks anew only the pair that was served, and servers that are full",
    "relaxed: one linear programme, one thread; its gradient is to the demand, over the time alone, in turn",
]

Point = tuple[Any, Group, Endpoints]


def seconds(*functions: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """The shortest run of each, after one warm-up; all take turns, so that they share whatever else the machine does."""
    found: list[list[float]] = [[] for _ in functions]
    for turn in range(repeats + 1):
        for times, function in zip(found, functions, strict=True):
            start = time.perf_counter()
            jax.block_until_ready(function())
            if turn:
                times.append(time.perf_counter() - start)
    return [min(times) for times in found]


def single(values: Any) -> jax.Array:
    """Numbers in float32."""
    return jnp.asarray(values, jnp.float32)


def drawn_fabric(name: str, count: int, parts: bool, generator: np.random.Generator) -> Any:
    """A row of `fabrics` with numbers (also of its `parts`) around their values, inside their bounds; flags anywhere from no to yes."""
    fabric, values = part("fabrics", name), {}
    for path, declared, leaf in tree.leaves(fabric):
        owner = tree.get(fabric, path.rpartition(".")[0]) if "." in path else fabric
        if parts or isinstance(owner, Topology):
            low, high = (float(leaf) * share for share in (0.8, 1.2)) if leaf else (0.0, 1.0)
            values[path] = single(np.clip(generator.uniform(low, high, count), declared.low, declared.high))
    return tree.put(tree.cast(fabric, jnp.float32), values)


def drawn_place(count: int, generator: np.random.Generator) -> tuple[Group, Endpoints]:
    """Groups, and clusters of pods of 8 in which they lie."""
    size = 1024 ** generator.random(count)
    inside = np.minimum(size, generator.uniform(1, 8, count))
    ends = tree.cast(cluster("fat_tree", 400).fabric_ends, jnp.float32)
    port = tree.put(ends.port, {"bandwidth": single(generator.uniform(100e9 / 8, 800e9 / 8, count))})
    devices = single(64 * 1024 ** generator.random(count))
    return Group(single(size), single(inside), single(generator.uniform(1, 64, count))), ends._replace(devices=devices, port=port)


def drawn(name: str, count: int, parts: bool = True) -> Point:
    """A batch of one fabric, or of all of them as a choice."""
    generator = np.random.default_rng(0)
    place = drawn_place(count, generator)
    if name != "choice":
        return drawn_fabric(name, count, parts, generator), *place
    members = tuple(drawn_fabric(member, count, parts, generator) for member in rows()["fabrics"])
    return Choice(members, index=single(generator.integers(0, len(members), count))), *place


def answers(point: Point) -> Any:
    """All that a network answers."""
    fabric, group, ends = point
    tiers = fabric.all_to_all(group, ends), fabric.ring(group, ends), fabric.send(group, ends)
    bill = fabric.bill(ends)
    return tiers, fabric.bisection(ends), bill.cost, bill.power, fabric.limits(ends), fabric.switching(group, group, group, ends)


def time_and_price(point: Point) -> jax.Array:
    """Seconds of an all-to-all, and the price of the network, in one number."""
    fabric, group, ends = point
    tier = fabric.all_to_all(group, ends)
    return tier.latency + SENT / tier.bandwidth + fabric.bill(ends).cost


def mapped(function: Callable[[Point], Any], point: Point, slopes: bool = False) -> Callable[[], Any]:
    """`function` over the lanes of `point`, compiled; with `slopes` its gradient to whatever differs between lanes."""
    varied, fixed = eqx.partition(point, lambda leaf: jnp.ndim(leaf) > 0)

    def of_lane(lane: Any, rest: Any) -> Any:
        return function(eqx.combine(lane, rest))

    compiled = jax.jit(jax.vmap(jax.value_and_grad(of_lane) if slopes else of_lane, (0, None)))
    return lambda: compiled(varied, fixed)


def fabric_rows(name: str) -> list[Row]:
    """Evaluations per second of one fabric, and what its gradient takes over its value."""
    calls = {count: mapped(answers, drawn(name, count)) for count in CHUNKS}
    if not all(leaf.dtype == jnp.float32 and jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(calls[CHUNKS[0]]())):
        raise ValueError(f"{name}: an answer is not finite or not float32")
    rate = max(count / best for count, best in zip(CHUNKS, seconds(*calls.values()), strict=True)) / 1e6
    point = drawn(name, CHUNKS[-1], parts=False)
    value, both = seconds(*(mapped(time_and_price, point, slopes) for slopes in (False, True)))
    return [
        Row(f"fabric.{name}", f"{name}: evaluations", "million/s", None, rate, FLOOR, float("inf")),
        Row(f"gradient.{name}", f"{name}: value and gradient, over the value", "x", None, both / value),
        Row(f"gradient.{name}.rate", f"{name}: values and gradients", "million/s", None, CHUNKS[-1] / both / 1e6),
    ]


def matrices(count: int, servers: int, dtype: Any = jnp.float32) -> jax.Array:
    """Uneven demand (count, servers, servers)."""
    draws = np.random.default_rng(0).gamma(0.5, size=(count, servers, servers))
    return jax.vmap(without_diagonal)(jnp.asarray(draws * np.asarray(zipf_shares(jnp.asarray(SIGMA), servers)), dtype))


def plain_greedy(demand: np.ndarray, ports: int, lean: bool) -> np.ndarray:
    """The rule of `greedy_circuits` in NumPy; `lean` ranks anew only the pair that was served, and servers that are full."""
    both = demand + demand.T
    wanted, safe = both > 0, np.where(both > 0, both, 1)
    circuits, free = np.zeros_like(both), np.full(len(both), ports)
    urgency = np.where(wanted, both, -np.inf)
    while True:
        i, j = divmod(int(urgency.argmax()), len(both))
        if urgency[i, j] == -np.inf:
            return circuits
        circuits[i, j] = circuits[j, i] = circuits[i, j] + 1
        free[i] -= 1
        free[j] -= 1
        if not lean:
            eligible = wanted & (free[:, None] >= 1) & (free >= 1)
            urgency = np.where(eligible, np.where(circuits > 0, -circuits / safe, safe), -np.inf)
            continue
        urgency[i, j] = urgency[j, i] = -circuits[i, j] / both[i, j]
        for server in (i, j):
            if free[server] == 0:
                urgency[server] = urgency[:, server] = -np.inf


def circuit_rows() -> list[Row]:
    """Time of one matrix and of many, beside NumPy; and of their completion times."""
    demand, ports = matrices(MATRICES, SERVERS), single(OPTICAL)
    sample = list(np.asarray(demand[:IN_NUMPY]))
    allocate, allocate_all = jax.jit(greedy_circuits), jax.jit(jax.vmap(greedy_circuits, (0, None)))
    matrix = demand[0]
    one = seconds(lambda: allocate(matrix, ports))[0]
    in_numpy = [lambda lean=lean: [plain_greedy(m, OPTICAL, lean) for m in sample] for lean in (False, True)]
    in_turn = jax.jit(lambda demand, ports: jax.lax.map(lambda m: greedy_circuits(m, ports), demand))
    many, turns, *spent = seconds(lambda: allocate_all(demand, ports), lambda: in_turn(demand, ports), *in_numpy, repeats=FEW)
    plain, least = (total / IN_NUMPY for total in spent)
    circuits = allocate_all(demand, ports)
    same = [np.array_equal(found, ours) for run in in_numpy for found, ours in zip(run(), circuits[:IN_NUMPY], strict=True)]
    complete, complete_all = jax.jit(split_time), jax.jit(jax.vmap(split_time, (0, 0, None, None)))
    rates = single(CIRCUIT_RATE), single(ELECTRICAL_RATE)
    first = matrix, circuits[0]
    split_one = seconds(lambda: complete(*first, *rates))[0]
    split_all = seconds(lambda: complete_all(demand, circuits, *rates))[0]
    size, each = f"{SERVERS} x {SERVERS}", many / MATRICES
    return [
        Row("circuits.64", f"greedy circuits of one {size} matrix", "ms", None, one * 1e3, 0, MOST_MILLISECONDS),
        Row("circuits.64.numpy", "the same in NumPy, all pairs ranked every time", "ms", None, plain * 1e3),
        Row("circuits.64.numpy.lean", "the same in NumPy, only changed pairs ranked anew", "ms", None, least * 1e3),
        Row("circuits.64.ratio", "NumPy over compiled", "x", None, plain / one),
        Row("circuits.64.ratio.lean", "lean NumPy over compiled", "x", None, least / one),
        Row("circuits.1000", f"greedy circuits of {MATRICES:,} matrices in one vmapped call", "s", None, many),
        Row("circuits.1000.each", "per matrix", "ms", None, each * 1e3),
        Row("circuits.1000.map", "the same one after the other in one call (lax.map)", "s", None, turns),
        Row("circuits.1000.ratio", "NumPy over compiled, per matrix", "x", None, plain / each),
        Row("circuits.1000.ratio.lean", "lean NumPy over compiled, per matrix", "x", None, least / each),
        Row("circuits.same", "share of matrices with NumPy's circuits, to the last one", "1", None, float(np.mean(same)), 1, 1),
        Row("split.64", f"split time of one {size} matrix", "ms", None, split_one * 1e3),
        Row("split.1000", f"split time of {MATRICES:,} matrices in one vmapped call", "s", None, split_all),
    ]


def relaxed_rows(servers: int) -> list[Row]:
    """Time of the relaxation, and what its gradient takes over its value."""
    demand, size = matrices(1, servers, jnp.float64)[0], f"{servers} x {servers}"

    def least_time(matrix: jax.Array) -> jax.Array:
        return relaxed_allocation(matrix, jnp.asarray(float(OPTICAL)), jnp.asarray(CIRCUIT_RATE), jnp.asarray(ELECTRICAL_RATE)).time

    value, both = jax.jit(least_time), jax.jit(jax.value_and_grad(least_time))
    forward, backward = seconds(lambda: value(demand), lambda: both(demand))
    return [
        Row(f"relaxed.{servers}", f"relaxed allocation of one {size} matrix", "ms", None, forward * 1e3),
        Row(f"relaxed.{servers}.gradient", f"value and gradient over the value, {size}", "x", None, backward / forward),
    ]


def measured() -> list[Row]:
    """Every row, in this process."""
    jax.config.update("jax_enable_x64", True)
    found = [row for name in (*rows()["fabrics"], "choice") for row in fabric_rows(name)]
    found.sort(key=lambda row: row.id.startswith("gradient"))
    return [*found, *circuit_rows(), *(row for servers in (8, 16, 32) for row in relaxed_rows(servers))]


def main() -> int:
    """Print the claim, or the figures alone when asked by the parent process."""
    arguments = parser(__doc__.splitlines()[0])
    arguments.add_argument("--measure", action="store_true", help="measure in this process and print its figures")
    chosen = arguments.parse_args()
    if chosen.measure:
        print(json.dumps(measured()))
        return 0
    command = [sys.executable, str(ROOT / "experiments" / "fabrics.py"), "--measure"]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | ENVIRONMENT).stdout
    found = [Row(*values) for values in json.loads(output.splitlines()[-1])]
    return show("Speed of fabrics and circuits, on this machine", found, ASSUMPTIONS, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
