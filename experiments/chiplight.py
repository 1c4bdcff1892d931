"""Does link reuse on packages of several dies gain what ChipLight reports (arXiv 2604.18909), and what does "the same cost" hide?

H100 servers, a RailX-like cluster (mesh of dies per package, rails over circuits, ports split for good) and a
ChipLight-like one (the same with link reuse, and memory, die-to-die links and optics in free proportion) train
Qwen3-235B-A22B on sequences of 10,240 tokens, 1,024 devices each, every one with its best mapping.
"""

import sys
from typing import NamedTuple

import jax
from chiplight_insights import insight_rows
from chiplight_reuse import REUSE, SHARE, closed_form_rows, descent_rows, model_rows
from chiplight_search import Best, Free, Score, System, best, per_manufacturing_dollar, per_market_dollar, per_watt, throughput
from claim import ROOT, Row, parser, show

from codesign.config import load_study, load_system
from codesign.design import Design
from codesign.units import parse_quantity

DEVICES = 1024.0
PODS = (4, 8, 16)
UP, OUT = "cluster.device.scale_up.bandwidth", "cluster.device.scale_out.bandwidth"
PACKAGE = "cluster.device.package."
HALVES = {REUSE: 0.0, SHARE: 0.5}


def rate(text: str) -> float:
    """A bandwidth in SI."""
    return parse_quantity(text, "Tb/s")


SPLIT = {
    UP: Free(rate("1 Tb/s"), rate("64 Tb/s"), rate("1 Tb/s")),
    OUT: Free(rate("0.4 Tb/s"), rate("12.8 Tb/s"), rate("0.4 Tb/s")),
    PACKAGE + "stacks": Free(1, 8, 1),
    PACKAGE + "rows": Free(choices=(1.0, 2.0)),
    PACKAGE + "die.width": Free(13e-3, 33e-3, 1e-3),
    PACKAGE + "die.height": Free(13e-3, 26e-3, 1e-3),
    PACKAGE + "die.clock": Free(1.2e9, 2e9, 0.05e9),
}
"""What ChipLight sets free in the package; the die's outline decides how much edge there is."""


class Systems(NamedTuple):
    """The three machines, and the best designs of each."""

    chiplet: System
    servers: System
    h100: Best
    chiplight: Best
    railx: Best


def systems() -> Systems:
    """Each system at its best: ChipLight by tokens per manufacturing dollar, RailX with ChipLight's ports, H100 as it is."""
    base = load_study(ROOT / "configs" / "studies" / "chiplight.toml")[0]
    h100 = load_system(ROOT / "configs" / "systems" / "dgx_h100.toml").module
    chiplet, servers = System(base.design, base.workload), System(Design(h100, base.design.mapping), base.workload)
    free = best(chiplet, DEVICES, SPLIT, {REUSE: 1.0, SHARE: 0.5}, per_manufacturing_dollar, PODS)
    fixed = best(chiplet, DEVICES, {}, HALVES | {OUT: free.values[OUT]}, throughput, (8,))
    return Systems(chiplet, servers, best(servers, DEVICES, {}, {}, throughput, (8,)), free, fixed)


def system_rows(found: Systems) -> list[Row]:
    """What each system reaches, costs and draws; manufacturing cost and market price side by side."""
    rows = []
    for name, one in (("H100", found.h100), ("RailX-like", found.railx), ("ChipLight-like", found.chiplight)):
        r = one.reached
        key = name.split("-")[0].lower()
        rows += [
            Row(f"S.{key}.tokens", f"{name}: tokens per second and device", "1/s", None, r["tokens_per_second"]),
            Row(f"S.{key}.made", f"{name}: cluster at manufacturing cost of packages", "M$", None, r["manufacturing_cost"] / 1e6),
            Row(f"S.{key}.price", f"{name}: cluster at market price of packages", "M$", None, r["capital_cost"] / 1e6),
            Row(f"S.{key}.power", f"{name}: power at the meter", "MW", None, r["facility_power"] / 1e6),
        ]
    chosen = {
        path.rsplit(".", 1)[-1] if "scale" not in path else ".".join(path.split(".")[-2:]): v for path, v in found.chiplight.values.items()
    }
    wanted = {"tp": "1", "pp": "1", "cp": "1", "ep": "1", "size": "1", "stacks": "1"}
    return rows + [Row(f"S.design.{name}", f"ChipLight-like: {name}", unit, None, chosen[name]) for name, unit in wanted.items()]


def ratio(score: Score, one: Best, other: Best) -> float:
    """Score of one design over that of another."""
    return float(score(one.reached) / score(other.reached))


def railx_rows(found: Systems) -> list[Row]:
    """Gains over the RailX-like system, and what each step towards ChipLight adds."""
    light, rail = found.chiplight, found.railx
    ports = {OUT: light.values[OUT]}
    shared = best(found.chiplet, DEVICES, {}, {REUSE: 1.0, SHARE: 0.5} | ports, throughput, (8,))
    own_share = best(found.chiplet, DEVICES, {SHARE: Free(0.05, 0.95, 0.025)}, {REUSE: 0.0} | ports, throughput, (8,))
    free_split = best(found.chiplet, DEVICES, SPLIT | {SHARE: Free(0.05, 0.95, 0.025)}, {REUSE: 0.0}, per_manufacturing_dollar, PODS)
    name = "ChipLight-like over RailX-like, same ports, equal manufacturing cost (published +41 %, accepted +20 to +60 %)"
    gain, with_free = ratio(per_manufacturing_dollar, light, rail), "equal manufacturing cost"
    return [
        Row("G1", name, "x", 1.41, gain, 1.2, 1.6),
        Row("G1.market", "the same at equal market price, one margin", "x", None, ratio(per_market_dollar, light, rail)),
        Row("G1.power", "the same at equal power", "x", None, ratio(per_watt, light, rail)),
        Row("G1.dies", "the same with as many dies", "x", None, ratio(throughput, light, rail)),
        Row("G2.reuse", "reuse alone, RailX's package and ports, halves before", "x", None, ratio(throughput, shared, rail)),
        Row("G2.share", "a better fixed share alone", "x", None, ratio(throughput, own_share, rail)),
        Row("G2.split", f"free package alone, fixed share free, {with_free}", "x", None, ratio(per_manufacturing_dollar, free_split, rail)),
        Row("G2.last", f"reuse on top of the free package, {with_free}", "x", None, ratio(per_manufacturing_dollar, light, free_split)),
    ]  # fmt: skip


def h100_rows(found: Systems) -> list[Row]:
    """Gains over H100 servers under every reading of "the same cost"."""
    light, old = found.chiplight, found.h100
    made = {"light": light.reached["manufacturing_cost"], "old": old.reached["capital_cost"]}
    mixed = light.reached["tokens_per_second"] / made["light"] / (old.reached["tokens_per_second"] / made["old"])
    pods = light.values["cluster.pod.size"]
    chips = [light.reached["package_cost"] / pods, old.reached["package_cost"] * 8.4]
    alone = light.reached["tokens_per_second"] / chips[0] / (old.reached["tokens_per_second"] / chips[1])
    own = "ours at 4 times its cost"
    alike = old.reached["manufacturing_cost"] + 3 * DEVICES * old.reached["package_cost"]
    one_margin = light.reached["tokens_per_second"] / light.reached["capital_cost"] / (old.reached["tokens_per_second"] / alike)
    return [
        Row("H1", "over H100, equal manufacturing cost of clusters", "x", 19.58, ratio(per_manufacturing_dollar, light, old)),
        Row("H2", f"over H100, equal market price, H100 at 8.4 times its cost, {own}", "x", 19.58, ratio(per_market_dollar, light, old)),
        Row("H2.margin", f"the same with one margin, H100 and {own}", "x", 19.58, float(one_margin)),
        Row("H3", "over H100, ours at manufacturing cost, H100 at market price", "x", 19.58, float(mixed)),
        Row("H4", "the same, chips alone: no network, no hosts", "x", 19.58, float(alone)),
        Row("H5", "over H100, equal power", "x", None, ratio(per_watt, light, old)),
        Row("H6", "over H100, as many dies", "x", None, ratio(throughput, light, old)),
    ]


ASSUMPTIONS = [
    "only the abstract and secondary readings of the paper are public: die size, die-to-die rate, ports, circuit switch, prices are ours",
    "the published figures are simulated; 19.58 is printed beside every reading of cost and held to no tolerance",
    "RailX-like: eight dies of 26 x 20 mm made like H100's, two stacks of HBM3 each, 16 Tb/s die to die, ports split in halves",
    "its optical bandwidth is that of ChipLight's best",
    "ChipLight-like: die outline, clock, stacks, die-to-die and optical bandwidth, rows and dies per package free",
    "it is the design with most tokens per second and manufacturing dollar of the cluster",
    "every system with its best mapping; nothing overlapped (schedule megatron_core_plain), phases in series as reuse needs",
    "EP is carved out of DP: ranks = dp tp pp cp",
    "a change of circuits takes 0.4 us (a laboratory switch of 240 ports) and nothing hides it; four per layer and micro-batch",
    "costs: calibrated 2025 constants; optics, fibres, circuit ports, hosts included; one margin of 4 for packages, 8.4 for H100",
]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    found = systems()
    rows = [*closed_form_rows(), *descent_rows(), *system_rows(found), *railx_rows(found), *h100_rows(found)]
    spread = best(found.chiplet, DEVICES, {}, HALVES | {OUT: found.chiplight.values[OUT]}, throughput, (8,), spanning=True)
    rows += model_rows(found.chiplet, spread.values) + insight_rows(found.chiplet, found.servers, found.chiplight, found.railx, found.h100)
    return show("ChipLight: packages of dies whose optical ports phases share (arXiv 2604.18909)", rows, ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
