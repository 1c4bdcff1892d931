"""What does every network answer?

Rates, start-up times, a bill of material and its own limits; one class per network, in a
file of its own. Everything is a closed formula in real-valued sizes, so that networks can
be mapped over and differentiated.
"""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.topology.bill import Bill
from codesign.topology.endpoints import Endpoints, Group, Tier

UNLIMITED = 1e9
"""Bound of a limit that a network does not have: larger than any cluster, port count or distance."""


class Limits(NamedTuple):
    """Demands of a network and their bounds: devices, ports of a switch, ports of a circuit switch, length of links [m].

    `capacity` bounds the devices; `host_span` is bounded by the reach of the devices' own links.
    """

    capacity: Scalar
    host_span: Scalar
    trunk_span: Scalar
    trunk_reach: Scalar
    radix: Scalar
    radix_limit: Scalar
    circuit_ports: Scalar
    circuit_ports_limit: Scalar


Pair = tuple[Scalar, Scalar]
"""A demand and its bound."""


def limits(
    capacity: Scalar, host_span: Scalar, trunk: Pair | None = None, radix: Pair | None = None, circuits: Pair | None = None
) -> Limits:
    """`Limits` of a network; parts that it does not have are never exceeded."""
    none = jnp.zeros_like(capacity), jnp.full_like(capacity, UNLIMITED)
    return Limits(capacity, host_span, *(trunk or none), *(radix or none), *(circuits or none))


class Switching(NamedTuple):
    """Circuits that are rearranged for the all-to-alls of a layer.

    `time` without traffic at each rearrangement [s]; `times` per layer and micro-batch, half of
    them forward; `predicted` 1 if the first one is started ahead, before its traffic is known;
    `slower` is the all-to-all on circuits left as they were over that on rearranged ones, and
    `adaptive` 1 leaves them where that is faster. `turns` are further changes per layer and
    micro-batch, `sends` per micro-batch, from one kind of traffic to another, that everything waits for.
    """

    time: Scalar
    times: Scalar
    predicted: Scalar
    slower: Scalar
    adaptive: Scalar
    turns: Scalar
    sends: Scalar


class Topology(eqx.Module):
    """A network between pods (or devices). `group` says how ranks lie on it, `ends` what it joins.

    Bandwidths are what one device of the group sends out of its pod, all groups of the kind at
    work at the same time; efficiency of the ports is in `ends`.
    """

    in_package: ClassVar[bool] = False
    """Does the network join dies of one package, so that a pod is a package?"""

    @abstractmethod
    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """Rate at which a device's bytes for other pods leave, uniform traffic."""

    @abstractmethod
    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """Rate of rings over the pods: all-gather, reduce-scatter, all-reduce."""

    @abstractmethod
    def send(self, group: Group, ends: Endpoints) -> Tier:
        """Rate to the next rank of a chain, every device sending."""

    @abstractmethod
    def bisection(self, ends: Endpoints) -> Scalar:
        """Bytes/s per device and direction over the worst cut into halves."""

    @abstractmethod
    def bill(self, ends: Endpoints) -> Bill:
        """Everything that has to be bought, for the whole cluster."""

    @abstractmethod
    def limits(self, ends: Endpoints) -> Limits:
        """What the network demands of its parts."""

    def switching(self, group: Group, context: Group, chain: Group, ends: Endpoints) -> Switching:
        """Rearrangement before an all-to-all of `group`, and between it, rings of `context` and a `chain`; none where circuits stay."""
        zero = jnp.zeros_like(ends.devices)
        return Switching(zero, zero, zero, 1 + zero, zero, zero, zero)
