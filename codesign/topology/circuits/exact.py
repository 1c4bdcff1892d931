"""Which circuits are the best possible when a pair uses either circuits or the electrical network?

Choosing them is NP-hard (arXiv 2501.03905 section 5.2); regions of about eight servers are
solved here by branch and bound. A target time T fixes how many circuits a pair needs,
k_ij = ceil(max(D_ij, D_ji) / (b T)), and how much a server may send and receive electrically,
E T; what remains is to say which pairs are optical, with at most `ports` circuits per server.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-9


class Optimum(NamedTuple):
    """Whole circuits (n, n), their pair-atomic time [s], and whether no better allocation exists (to 1e-9)."""

    circuits: np.ndarray
    time: float
    optimal: bool


class _Pair(NamedTuple):
    """Servers i < j, demand in both directions, and the circuits that the pair needs."""

    i: int
    j: int
    there: float
    back: float
    circuits: int


class _Node(NamedTuple):
    """Free ports, what may still be sent and received electrically per server, undecided and optical pairs."""

    free: list[int]
    send: list[float]
    receive: list[float]
    open: list[_Pair]
    optical: list[_Pair]


class _NodeLimitError(Exception):
    """The search was cut short."""


def _time(demand: np.ndarray, circuits: np.ndarray, circuit_rate: float, electrical_rate: float) -> float:
    """The pair-atomic time, as `completion.pair_atomic_time`."""
    rest = np.where(circuits > 0, 0.0, demand)
    load = max(rest.sum(0).max(), rest.sum(1).max())
    electrical = 0.0 if load == 0 else load / electrical_rate if electrical_rate > 0 else math.inf
    return max(electrical, float(np.max(demand / (np.maximum(circuits, 1) * circuit_rate) * (circuits > 0))))


def _made_optical(node: _Node, pair: _Pair) -> None:
    node.free[pair.i] -= pair.circuits
    node.free[pair.j] -= pair.circuits
    node.optical.append(pair)


def _made_electrical(node: _Node, pair: _Pair) -> None:
    for sender, receiver, load in ((pair.i, pair.j, pair.there), (pair.j, pair.i, pair.back)):
        node.send[sender] -= load
        node.receive[receiver] -= load


def _settled(node: _Node) -> bool:
    """Decide pairs that have one choice left, in place, until none has; False on a contradiction."""
    before = -1
    while before != len(node.open):
        before, waiting = len(node.open), node.open[:]
        node.open.clear()
        for pair in waiting:
            i, j, there, back, circuits = pair
            fits = circuits <= node.free[i] and circuits <= node.free[j]
            light = there <= min(node.send[i], node.receive[j]) and back <= min(node.send[j], node.receive[i])
            if fits and light:
                node.open.append(pair)
            elif fits:
                _made_optical(node, pair)
            elif light:
                _made_electrical(node, pair)
            else:
                return False
    return True


def _excess(node: _Node) -> list[float]:
    """Per server, electrical load beyond what may be sent or received when its ports relieve it most (fractional knapsack).

    Positive: no completion of the node meets the target.
    """
    worst = [-math.inf] * len(node.free)
    for server, free in enumerate(node.free):
        mine = [p for p in node.open if server in (p.i, p.j)]
        for outward, allowed in ((True, node.send[server]), (False, node.receive[server])):
            loads = [(p.there if (p.i == server) == outward else p.back, p.circuits) for p in mine]
            loads.sort(key=lambda entry: -entry[0] / entry[1])
            left, over = float(free), -allowed
            for load, circuits in loads:
                share = min(circuits, left) / circuits
                left -= circuits * share
                over += load * (1 - share)
            worst[server] = max(worst[server], over)
    return worst


def _branches(node: _Node, excess: list[float]) -> Iterator[_Node]:
    """Both choices for the largest undecided pair of the tightest server, optical first."""
    servers = {p.i for p in node.open} | {p.j for p in node.open}
    tightest = max(sorted(servers), key=lambda server: excess[server])
    pair = max((p for p in node.open if tightest in (p.i, p.j)), key=lambda p: max(p.there, p.back))
    for decide in (_made_optical, _made_electrical):
        child = _Node(node.free[:], node.send[:], node.receive[:], node.open[:], node.optical[:])
        child.open.remove(pair)
        decide(child, pair)
        yield child


def _optical_pairs(node: _Node, budget: list[int]) -> list[_Pair] | None:
    """Pairs that meet the target in some completion of `node`, depth first; None if there is none."""
    budget[0] -= 1
    if budget[0] < 0:
        raise _NodeLimitError
    if not _settled(node):
        return None
    excess = _excess(node)
    if max(excess) > 0:
        return None
    if not node.open:
        return node.optical
    return next((found for child in _branches(node, excess) if (found := _optical_pairs(child, budget)) is not None), None)


def _root(demand: np.ndarray, ports: np.ndarray, target: float, circuit_rate: float, electrical_rate: float) -> _Node:
    """Nothing decided yet, and what the target time asks of each pair and leaves to each server."""
    n = len(demand)
    largest = np.maximum(demand, demand.T)
    needed = np.ceil(largest / (circuit_rate * target)) if circuit_rate > 0 else np.full((n, n), math.inf)
    pairs = [
        _Pair(i, j, float(demand[i, j]), float(demand[j, i]), int(min(max(needed[i, j], 1), ports.max() + 1)))
        for i in range(n) for j in range(i + 1, n) if largest[i, j] > 0
    ]  # fmt: skip
    allowed = electrical_rate * target if electrical_rate > 0 else 0.0
    return _Node([int(p) for p in ports], [allowed] * n, [allowed] * n, pairs, [])


def exact_circuits(
    demand: np.ndarray, ports: np.ndarray | float, circuit_rate: float, electrical_rate: float, node_limit: int = 20_000
) -> Optimum:
    """The circuits with the least pair-atomic time: every solution found lowers the target until none is left.

    `ports` for all servers or one number per server. Past `node_limit` nodes the best
    allocation so far comes back with `optimal` False. Times are compared to 1e-9.
    """
    demand = np.asarray(demand, dtype=float) * (1 - np.eye(len(demand)))
    whole_ports = np.floor(np.broadcast_to(ports, len(demand)))
    best = np.zeros_like(demand)
    time, budget = _time(demand, best, circuit_rate, electrical_rate), [node_limit]
    try:
        while time > 0:
            target = time * (1 - TOLERANCE)
            found = _optical_pairs(_root(demand, whole_ports, target, circuit_rate, electrical_rate), budget)
            if found is None:
                break
            best = np.zeros_like(demand)
            for pair in found:
                best[pair.i, pair.j] = best[pair.j, pair.i] = pair.circuits
            time = _time(demand, best, circuit_rate, electrical_rate)
    except _NodeLimitError:
        return Optimum(best, time, optimal=False)
    return Optimum(best, time, optimal=True)
