"""What is a host serialiser: energy, lane rate, die edge and area, reach?

A lane is one transmitter and one receiver, so that its rate counts per direction and its energy
covers both paths of one end, as for every link (arXiv 2510.15893).
"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Serialiser(eqx.Module):
    """One family of lanes between a die and what carries its bits on."""

    energy: Scalar = quantity("pJ/bit", "transmitter and receiver of one end", high=100)
    lane_rate: Scalar = quantity("Gb/s", "raw rate of one lane per direction", low=0.1, high=1e4)
    lane_edge: Scalar = quantity(
        "mm", "die edge of one lane, rows of macros behind each other counted; 0 where lanes lie below a die", high=10
    )
    lane_area: Scalar = quantity("mm2", "die area of one lane", high=100)
    reach: Scalar = quantity("m", "longest electrical span", low=1e-6, high=100)

    @property
    def edge_density(self) -> Scalar:
        """Raw rate per die edge and direction [B/s/m]; for lanes that take edge."""
        return self.lane_rate / self.lane_edge
