"""Which of several networks is it, when a study leaves that free?

All members answer, and the chosen answer is taken: one compiled program serves every
network, where a program for each took as many times as long to compile. Nothing is averaged.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.topology.base import Limits, Switching, Topology
from codesign.topology.bill import Bill
from codesign.topology.endpoints import Endpoints, Group, Tier


class Choice(Topology):
    """One of `members`, by its number."""

    members: tuple[Topology, ...]
    index: Scalar = quantity("1", "number of the member that is built", low=0, high=64, whole=True)

    def _chosen(self, answer: Callable[[Topology], Any]) -> Any:
        answers = [answer(member) for member in self.members]

        def pick(before: Any, entry: tuple[int, Any]) -> Any:
            number, found = entry
            return jax.tree.map(lambda a, b: jnp.where(self.index == number, b, a), before, found)

        return functools.reduce(pick, list(enumerate(answers))[1:], answers[0])

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """That of the member."""
        return self._chosen(lambda m: m.all_to_all(group, ends))

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """That of the member."""
        return self._chosen(lambda m: m.ring(group, ends))

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """That of the member."""
        return self._chosen(lambda m: m.send(group, ends))

    def bisection(self, ends: Endpoints) -> Scalar:
        """That of the member."""
        return self._chosen(lambda m: m.bisection(ends))

    def bill(self, ends: Endpoints) -> Bill:
        """That of the member."""
        return self._chosen(lambda m: m.bill(ends))

    def limits(self, ends: Endpoints) -> Limits:
        """Those of the member."""
        return self._chosen(lambda m: m.limits(ends))

    def switching(self, group: Group, context: Group, chain: Group, ends: Endpoints) -> Switching:
        """That of the member."""
        return self._chosen(lambda m: m.switching(group, context, chain, ends))
