"""What is handed to an engine, and what comes back?"""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import numpy as np

State = dict[str, np.ndarray]
"""Named arrays; a shard is one too."""

Shard = State


class Plan(Protocol):
    """Rounds of independent units; all three functions are pure and `perform` gives the same bits on every worker."""

    @property
    def key(self) -> str:
        """Names the work: a hash of the study, settings, seed and versions."""

    def start(self) -> State:
        """The state before the first round."""

    def units(self, state: State) -> int:
        """How many units the next round has; 0 when the work is finished."""

    def perform(self, state: State, unit: int) -> Shard:
        """The result of one unit."""

    def combine(self, state: State, shards: list[Shard]) -> State:
        """The state after a round, from its results in the order of the units."""


class Job(NamedTuple):
    """The work as it is sent to workers.

    `factory` "module:function" makes the plan from `payload`; `key` names the work, and
    `facts` are what the key was made of, by name, so that a difference can be told.
    """

    factory: str
    payload: bytes
    key: str
    facts: dict[str, str]


class Task(NamedTuple):
    """The units of one round that are still to be done; `begin` is told each when it is given out."""

    round: int
    state: State
    units: list[int]
    begin: Callable[[int], None]


class Done(NamedTuple):
    """The result of a unit, by whom and in how many seconds."""

    unit: int
    shard: Shard
    worker: str
    seconds: float


Perform = Callable[[Task], Iterator[Done]]
"""Does the units of a task; results come in any order."""


class Engine(Protocol):
    """A place where units are performed; `name` is what the ledger calls it."""

    @property
    def name(self) -> str:
        """What the ledger calls it."""

    def start(self, job: Job, plan: Plan) -> AbstractContextManager[Perform]:
        """Ready to perform until the context ends."""


def this_process() -> str:
    """Host and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"
