"""By which factor could a design that was not found be better than a front? A proof that can be stopped at any moment.

Cells are dealt out to processes, each of which branches on its own boxes. Between rounds of
a few seconds designs that they hand out are evaluated by the model itself; those that are
feasible and not dominated join the front by which all are judged from then on.
"""

import contextlib
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from codesign.pareto import nondominated
from codesign.search.archive import Archive, select, together
from codesign.search.bound import Boxes
from codesign.search.branch import Branching, State, branching, joined

FIRST, ROUND = 0.2, 2.0
"""Seconds between two exchanges, at first and later: a poor front is made better early."""
LARGEST_LOGARITHM = 700.0

Evaluate = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(values (d, n), cells (n,)) -> log objectives (o, n), feasible (n,): of the model itself, in float64."""


class MemberLost(Exception):
    """A process that shared the proof has died."""


def factor(excess: float) -> float:
    """eps from log(1 + eps); infinite where it is beyond all numbers."""
    return float(np.expm1(excess)) if excess < LARGEST_LOGARITHM else np.inf


class Proof(NamedTuple):
    """What holds: for every feasible design one of `front` is at most a factor 1 + eps worse in each objective."""

    front: Archive
    excess: float
    boxes: int
    open: int
    seconds: float
    interrupted: bool

    @property
    def eps(self) -> float:
        """The factor less one; infinite while nothing is bounded."""
        return factor(self.excess)


class ProofProgress(NamedTuple):
    """What a watcher is told after every round."""

    eps: float
    boxes: int
    open: int
    seconds: float


def prove(
    problem: dict[str, Any], front: Archive, evaluate: Evaluate, seconds: float, workers: int, watch: Callable[[ProofProgress], None]
) -> Proof:
    """Branch until the target of the problem holds or the time is over; an interrupt ends it with what holds by then.

    `problem` is plain data: program, dimension, objectives, leaves by number, lattice, cells, and target = log(1 + eps).
    """
    try:
        return _prove(problem, front, evaluate, seconds, workers, watch)
    except MemberLost:  # for want of memory, or because the main module cannot be imported again
        return _prove(problem, front, evaluate, seconds, 1, watch)


def _prove(
    problem: dict[str, Any], front: Archive, evaluate: Evaluate, seconds: float, workers: int, watch: Callable[[ProofProgress], None]
) -> Proof:
    start = time.perf_counter()
    state, front_now, interrupted, unlimited = State(0, problem["cells"], np.inf), front, True, False
    with contextlib.suppress(KeyboardInterrupt), _team(problem | {"front": front.objectives}, workers) as team:
        while state.open and time.perf_counter() - start < seconds:
            spent = time.perf_counter() - start
            answers = team(max(min(FIRST + spent / 10, ROUND, seconds - spent), 0.01), front_now.objectives)
            states = [answer for answer, _ in answers]
            found = _feasible(joined([designs for _, designs in answers]), evaluate)
            unlimited |= bool(np.isneginf(found.objectives).any())
            excess, better = np.inf if unlimited else max(s.excess for s in states), _better(front_now, found)
            # only now: what was handed out is judged, and an interrupt before this line leaves the state that held
            front_now, state = better, State(sum(s.boxes for s in states), sum(s.open for s in states), excess)
            watch(ProofProgress(factor(state.excess), state.boxes, state.open, time.perf_counter() - start))
        interrupted = False
    return Proof(front_now, state.excess, state.boxes, state.open, time.perf_counter() - start, interrupted)


def _feasible(designs: Boxes, evaluate: Evaluate) -> Archive:
    """The designs that keep all limits and whose objectives are numbers, or -inf: of a metric of zero, beside which no factor holds.

    What is infinitely bad at one objective counts as no design.
    """
    if not designs.size:
        return Archive(designs.low, designs.cell, np.zeros((1, 0)))
    objectives, feasible = evaluate(designs.low, designs.cell)
    good = np.flatnonzero(feasible & np.all(objectives < np.inf, axis=0))
    return Archive(designs.low[:, good], designs.cell[good], objectives[:, good])


def _better(front: Archive, designs: Archive) -> Archive:
    """The front with the designs that belong to it."""
    designs = select(designs, np.flatnonzero(np.all(np.isfinite(designs.objectives), axis=0)))
    if not designs.size:
        return front
    every = together(front, designs)
    keep = np.flatnonzero(nondominated(every.objectives.T))
    return front if np.array_equal(keep, np.arange(front.size)) else select(every, keep)


Team = Callable[[float, np.ndarray], list[tuple[State, Boxes]]]
"""(seconds, front) -> state and designs of every member."""


@contextlib.contextmanager
def _team(problem: dict[str, Any], workers: int) -> Iterator[Team]:
    """Processes that branch on a share of the cells each; with one worker this process does it."""
    cells = np.random.default_rng(0).permutation(problem["cells"])
    if workers <= 1:
        own = branching(problem, np.sort(cells))
        yield lambda seconds, points: [_round(own, seconds, points)]
        return
    context = multiprocessing.get_context("spawn")
    pipes, members = [], []
    try:
        for share in np.array_split(cells, workers):
            here, there = context.Pipe()
            member = context.Process(target=_serve, args=(there, problem, np.sort(share)), daemon=True)
            with _deaf():
                member.start()
            there.close()  # so that a member that dies is noticed
            pipes.append(here)
            members.append(member)

        def ask(seconds: float, points: np.ndarray) -> list[tuple[State, Boxes]]:
            try:
                for pipe in pipes:
                    pipe.send((seconds, points))
                return [pipe.recv() for pipe in pipes]
            except (EOFError, OSError):
                raise MemberLost from None

        yield ask
    finally:
        for member in members:
            member.terminate()
            member.join()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Whoever is started meanwhile hears no interrupt: members end when this process, which hears it a moment later, ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # a system without such masks
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _round(own: Branching, seconds: float, points: np.ndarray) -> tuple[State, Boxes]:
    if points.shape != own.points.shape or not np.array_equal(points, own.points):
        own.cover(points)
    return own.run(seconds), own.handed_out()


def _serve(pipe: Any, problem: dict[str, Any], cells: np.ndarray) -> None:
    """A member of the team: answers until it is ended."""
    own = branching(problem, cells)
    with contextlib.suppress(EOFError, KeyboardInterrupt, BrokenPipeError):
        while True:
            pipe.send(_round(own, *pipe.recv()))
