"""What does a collective need to know of a network tier?"""

from typing import NamedTuple

from codesign.fields import Scalar


class Tier(NamedTuple):
    """One network as one device sees it: bytes/s per direction, and seconds to start a message or a ring step."""

    bandwidth: Scalar
    latency: Scalar


class Bill(NamedTuple):
    """Bill of material of one fabric for the whole cluster, as bandwidth per direction [B/s].

    Dividing by a port rate gives ports, link ends, cables and interface cards; kept as
    bandwidth so that money and watts are differentiable and no port rate is repeated.
    """

    switched_bandwidth: Scalar
    link_end_bandwidth: Scalar
    cable_bandwidth: Scalar
    interface_bandwidth: Scalar
