"""Does free placement beat plain layouts and keep up with long simulated annealing, in two seconds?

Bars of our own: nothing overlaps or leaves the outline, wire at least 10 % shorter than in the plain start, within
5 % of the best of 20 long annealing runs, below 2 s for one package when compiled.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from annealing_rival import annealed_costs
from claim import Row, parser, show
from placement_instances import Instance, random_instance

from codesign.physical.blocks import overlap_area
from codesign.physical.placement import Placement, PlacementWeights, place

ASSUMPTIONS = [
    "random packages: 2 to 16 dies of 8 to 26 x 8 to 33 mm, memory and input-output dies tied to dies, optical engines to these",
    "outline: 0 to 15 % wider and higher than the plain start; gap 0.1 or 0.5 mm",
    "cost = wire / (sum of weights x L) + area / (4 L2) + heat / 4 with L2 the area of all blocks; heat spreads over 10 mm",
    "any block may be turned by 90 degrees; interfaces are at centres of blocks",
    "the plain start groups memory by die, as a designer would, but no die is moved for its traffic",
    "rival: sequence pairs, 20 runs side by side in numpy from random orders, slow cooling, the same slides at the end",
    "seconds: place() on the processor of this machine with its programs compiled, 8 starts at once",
]


class Outcome(NamedTuple):
    """An instance placed in `seconds`."""

    instance: Instance
    placement: Placement
    seconds: float


def placed(instance: Instance, seed: int = 0, weights: PlacementWeights | None = None) -> Outcome:
    """One call of `place`."""
    begin = time.perf_counter()
    placement = place(instance.blocks, instance.nets, instance.outline, instance.gap, weights, seed=seed)
    return Outcome(instance, placement, time.perf_counter() - begin)


def illegal(outcome: Outcome) -> bool:
    """Does anything overlap, come closer than the gap, or leave the outline?"""
    blocks, gap = outcome.placement.blocks, outcome.instance.gap
    widened = blocks._replace(width=blocks.width + gap * (1 - 1e-9), height=blocks.height + gap * (1 - 1e-9))
    return bool(overlap_area(blocks) > 0 or overlap_area(widened) > 0 or not outcome.placement.legal)


def instances(count: int) -> list[Instance]:
    """Packages of 6 to 40 blocks."""
    return [random_instance(seed, 6 + seed % 35) for seed in range(count)]


def law_rows(outcomes: list[Outcome]) -> list[Row]:
    """Legality, gain over the start and time."""
    pairs = [(o.placement.cost, o.placement.start_cost) for o in outcomes]
    worse = sum(bool(cost.total > start.total * (1 + 1e-12)) for cost, start in pairs)
    wire = [1 - float(cost.wire / start.wire) for cost, start in pairs]
    area = [1 - float(cost.area / start.area) for cost, start in pairs]
    large = [o.seconds for o in outcomes if len(o.instance.kinds) > 32]
    return [
        Row("P1", f"of {len(outcomes)} packages, overlapping or outside", "1", None, sum(map(illegal, outcomes)), 0, 0),
        Row("P2", "placed worse than the plain start", "1", None, worse, 0, 0),
        Row("P3", "mean saving of wire length", "1", None, float(np.mean(wire)), 0.10, 1.0),
        Row("P4", "least saving of wire length", "1", None, min(wire)),
        Row("P5", "mean saving of package area", "1", None, float(np.mean(area))),
        Row("P6", "mean time of one package", "s", None, float(np.mean([o.seconds for o in outcomes])), 0, 2),
        Row(
            "P7", "mean time of one package of more than 32 blocks", "s", None, float(np.mean(large or [o.seconds for o in outcomes])), 0, 2
        ),
    ]


def rival_rows(sizes: list[int], runs: int, steps: int) -> list[Row]:
    """Cost beside the best of the long annealing runs."""
    rows = []
    for number, blocks in enumerate(sizes):
        case = random_instance(5000 + number, blocks)
        rival = annealed_costs(case.blocks, case.nets, case.outline, case.gap, PlacementWeights(), runs, steps, seed=number).min()
        own = float(placed(case).placement.cost.total)
        rows.append(Row(f"P8.{blocks}", f"cost over the best of {runs} runs, {blocks} blocks", "1", None, own / rival - 1, -1, 0.05))
        print(f"{blocks} blocks: {own:.4f} beside {rival:.4f}", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    """Print the claim."""
    arguments = _parser().parse_args()
    jax.config.update("jax_enable_x64", True)
    cases = instances(35 if arguments.quick else arguments.instances)
    for blocks in {len(case.kinds) for case in cases}:
        placed(random_instance(9999, blocks))  # compiles
    outcomes = [placed(case) for case in cases]
    sizes = [8, 16] if arguments.quick else [int(n) for n in np.linspace(6, 40, 10).round()]
    rows = law_rows(outcomes) + rival_rows(sizes, 20, 2000 if arguments.quick else arguments.steps)
    return show("Free placement of packages", rows, ASSUMPTIONS, arguments.json)


def _parser() -> argparse.ArgumentParser:
    result = parser((__doc__ or Path(__file__).stem).splitlines()[0])
    result.add_argument("--quick", action="store_true", help="35 packages and two short rivals")
    result.add_argument("--instances", type=int, default=1000, help="random packages")
    result.add_argument("--steps", type=int, default=50_000, help="moves of each run of the rival")
    return result


if __name__ == "__main__":
    sys.exit(main())
