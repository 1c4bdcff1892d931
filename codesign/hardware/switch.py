"""What is a switch, of packets or of circuits: ports, energy, delay, price?"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Switch(eqx.Module):
    """One packet switch package; links are counted with the link technology, not here."""

    radix: Scalar = quantity("1", "ports", low=2, high=1e5, whole=True)
    port_bandwidth: Scalar = quantity("Gb/s", "usable bandwidth per direction of one port", low=1, high=1e5)
    raw_rate_ratio: Scalar = quantity("1", "raw over usable line rate", low=1, high=2)
    latency: Scalar = quantity("ns", "start-up time of a message between two devices below it", high=1e6)
    energy: Scalar = quantity("pJ/bit", "switching core, links not counted", high=100)
    price_per_bandwidth: Scalar = quantity("$/(GB/s)", "price per usable bandwidth and direction of the ports used", high=1e3)
    lanes_per_macro: Scalar = quantity("1", "serialiser lanes in one macro", low=1, high=64, whole=True)
    lane_rate: Scalar = quantity("Gb/s", "raw rate of one lane", low=1, high=1e4)
    macro_edge: Scalar = quantity("mm", "die edge of one macro", low=0.01, high=100)
    macro_rows: Scalar = quantity("1", "rows of macros stacked behind one edge", low=0.1, high=10)

    @property
    def bandwidth(self) -> Scalar:
        """Usable bandwidth of all ports, one direction [B/s]."""
        return self.radix * self.port_bandwidth

    @property
    def raw_bandwidth(self) -> Scalar:
        """Raw line rate of all ports, one direction [B/s]."""
        return self.bandwidth * self.raw_rate_ratio

    @property
    def shoreline(self) -> Scalar:
        """Die edge that electrical serialisers of all ports take [m]."""
        macros = self.raw_bandwidth / (self.lanes_per_macro * self.lane_rate)
        return macros * self.macro_edge / self.macro_rows


class CircuitSwitch(eqx.Module):
    """One optical circuit switch or patch panel: passes light of any rate, between ports that it joins in pairs."""

    ports: Scalar = quantity("1", "duplex ports of one device", low=2, high=1e7, whole=True)
    delay: Scalar = quantity("ms", "time in which circuits are rearranged and carry nothing", high=1e9)
    link_up: Scalar = quantity("ms", "time until transceivers and interface cards use a new circuit, after `delay`", high=1e6)
    port_price: Scalar = quantity("$", "one duplex port", high=1e5)
    port_power: Scalar = quantity("W", "one duplex port", high=100)

    @property
    def switching_time(self) -> Scalar:
        """Time without traffic at every rearrangement [s]."""
        return self.delay + self.link_up
