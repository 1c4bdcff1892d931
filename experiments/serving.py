"""Does the serving model give DeepSeek's production day (facts S17, S48 to S52), and what would other hardware serve instead?

Rows S are the sheet's arithmetic with its stated constants; rows M the model's prediction beside what was measured, by the rules of
`codesign.validate.serving` (V) and of configs/designs/deepseek_serving.toml, batch 88 by Little's law (D). Rows W are the same 1,814
devices with another memory or pod, or as many of another system.
"""

import sys
from typing import Any, NamedTuple

import jax
from claim import ROOT, Row, parser, percent, show

from codesign.config import load_design, load_system
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.config.runs import read_tables
from codesign.constraints import CONSTRAINTS
from codesign.design import Design, with_values
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.metrics import Metrics
from codesign.performance.collectives import all_to_all_time
from codesign.topology.endpoints import Group, Tier
from codesign.validate.serving import last_batch, predict_serving
from codesign.workload.training import Workload

DAY, NODE = 86400.0, 8.0
READ, CACHED, WRITTEN = 608e9, 342e9, 168e9
"""Tokens of the day: read, of them found in a cache, written (github deepseek-ai/open-infra-index day 6)."""
PREFILL, DECODE, NODES = 73.7e3, 14.8e3, 226.75
"""Tokens per second and node, read (with those in the cache) and written; mean nodes."""
PRICES = 0.14e-6, 0.55e-6, 2.19e-6
"""$ per token: found in the cache, read, written."""
GPU_HOUR = 2.0
MEMORIES = ("hbm3e", "hbm4", "hbm3_near_memory", "hbm3_on_logic", "hybrid_bonded", "monolithic_3d", "monolithic_3d_near_memory")
PODS = (72.0, 512.0)
SYSTEMS = ("gb200_nvl72", "passage")
TOKEN_TIME = 0.05
"""s per token that bounds the largest batch."""

ASSUMPTIONS = [
    "S51: efficiencies 0.85 of memory and 0.6 of products, network at 50 GB/s, batch 88: the sheet's, not the model's",
    "M.V: rules of codesign/validate/serving.py: largest decode batch at 21 tokens/s per user, 16,384 tokens per step of prefill",
    "M.D: batch 88 and four prompts per device and step, two half batches, 32 further copies of experts in both kinds of units",
    "M: prompts of 4,383 and answers of 1,212 tokens, from tokens per day and the mean cache; 56.3 % of prompts cached; FP8; Zipf 0.5",
    "M: spread of prompt lengths 1 ('natural load', an assumption, not published): rows `even` show that it decides the rate of prefill",
    "M.V.nodes: errors of prefill and decode of opposite sign cancel; conditions as above, load spread evenly over the day",
    "W: EP 144 and 32, schedule, prices, efficiencies as in the base, only what is named is replaced; latency without waiting",
    "W: units within one pod run whole batches, whose exchanges are not hidden, instead of two halves, which read weights twice",
    "W: 'breaks' counts limits of package, heat, network and memory that the replaced design does not keep; such a design cannot be built "
    "as it stands and its row is a bound",
]


class Machine(NamedTuple):
    """A design that serves the day's load."""

    label: str
    design: Design
    workload: Workload

    def at(self, batch: Any) -> Metrics:
        """Its metrics with so many sequences per device that decodes."""
        return evaluate(*with_values(self.design, self.workload, {"deployment.decode.batch": as_float(batch)}))


def base() -> Machine:
    """The day as it was served."""
    found = load_design(ROOT / "configs" / "designs" / "deepseek_serving.toml")
    return Machine("as served", found.design, found.workload)


def halved(machine: Machine) -> Machine:
    """The machine with two half batches in units that are larger than a pod, which is the rule for measured rows too."""
    design, values = machine.design, {}
    assert design.deployment is not None
    for kind in ("decode", "prefill"):
        values[f"deployment.{kind}.two_batches"] = as_float(getattr(design.deployment, kind).ep > design.cluster.pod.size)
    return Machine(machine.label, *with_values(design, machine.workload, values))


def machines() -> dict[str, Machine]:
    """What 1,814 devices could be instead."""
    day = base()
    rows = load_catalogue(SHIPPED).rows["memories"]
    changes: dict[str, dict[str, Any]] = {name: {"cluster.device.package.memory": rows[name].module} for name in MEMORIES}
    changes |= {f"pod {size:g}": {"cluster.pod.size": as_float(size)} for size in PODS}
    changes["hybrid_bonded, pod 72"] = changes["hybrid_bonded"] | changes["pod 72"]
    for name in SYSTEMS:
        cluster = load_system(ROOT / "configs" / "systems" / f"{name}.toml").module
        one, _ = with_values(Design(cluster, None), day.workload, {"cluster.devices": day.design.cluster.devices})
        changes[name] = {"cluster": one.cluster}
    return {"as served": day} | {name: halved(Machine(name, *with_values(day.design, day.workload, new))) for name, new in changes.items()}


def bound_rows() -> list[Row]:
    """S17: the exchange of DeepSeek-V3 with nothing but its bytes, an all-to-all over very many devices."""
    rows, group = [], Group(as_float(1e9), as_float(1.0), as_float(1.0))
    for key, width, rate, paper in (("7000", 7000, 50e9, 120.96), ("7168", 7168, 50e9, 123.86), ("900", 7000, 900e9, 6.72)):
        tier = Tier(as_float(rate), as_float(0.0))
        time = float(all_to_all_time(as_float(32 * 9 * width * 3), group, tier, tier))
        rows.append(percent(f"S17.{key}", f"dispatch and combine, width {width}, {rate / 1e9:.0f} GB/s", "us", paper, time * 1e6, 0.001))
    token = 2 * 61 * rows[0].model * 1e-6
    return [*rows, percent("S17.token", "time per token, two per layer", "ms", 14.757, token * 1e3, 0.001),
            percent("S17.rate", "tokens per second and user", "1/s", 67.8, 1 / token, 0.001)]  # fmt: skip


def money(nodes: float) -> tuple[float, float]:
    """Cost of `nodes` and income of the day [$]."""
    income = CACHED * PRICES[0] + (READ - CACHED) * PRICES[1] + WRITTEN * PRICES[2]
    return nodes * NODE * 24 * GPU_HOUR, income


def nodes_of(prefill: float, decode: float) -> tuple[float, float]:
    """Nodes that read and that write the day's tokens, at tokens per second and node."""
    return READ / prefill / DAY, WRITTEN / decode / DAY


def arithmetic_rows() -> list[Row]:
    """S48 to S50 and S52."""
    reading, writing = nodes_of(PREFILL, DECODE)
    cost, income = money(NODES)
    batch, computed = DECODE / NODE / 21, PREFILL * (READ - CACHED) / READ
    flops = 2 * 37e9 + 61 * 128 * 320 * 4096
    return [
        percent("S48", "nodes from published rates", "1", 226.9, reading + writing, 0.001),
        percent("S48.prefill", "of them, prefill", "1", 95.5, reading, 0.001),
        percent("S48.decode", "of them, decode", "1", 131.4, writing, 0.001),
        percent("S49.cost", "cost of the day", "$", 87072, cost, 0.001),
        percent("S49.income", "income of the day", "$", 562100, income, 0.001),
        percent("S49.margin", "income over cost, less one", "1", 5.45, income / cost - 1),
        percent("S50.batch", "sequences per device, by Little's law", "1", 88, batch),
        percent("S50.step", "time per token", "ms", 47.6, 1e3 / 21),
        percent("S50.computed", "computed tokens per second and node", "1/s", 32.2e3, computed),
        percent("S52.flops", "FLOP per computed token", "1", 8.42e10, flops),
        percent("S52.mfu", "share of the FP8 peak in prefill", "1", 0.172, flops * computed / NODE / 1979e12),
    ]


def roofline_rows() -> list[Row]:
    """S51: the decode step from five terms, none of which is the model's."""
    batch, keys, memory, expert, attention = 88, 4989, 0.85 * 3.35e12, 3 * 7168 * 2048, 187.1e6
    weights = 61 * (3 * expert + attention) / memory
    cache = batch * keys * 70272 / memory
    scores = 61 * 2 * keys * 128 * (576 + 512) * batch / (0.6 * 989e12)
    products = 61 * 2 * (9 * expert + attention) * batch / (0.6 * 1979e12)
    exchange = 61 * batch * 8 * 7168 * 3 / 50e9
    device = max(weights, products) + max(cache, scores)
    terms = (("weights", weights, 6.84), ("keys", cache, 10.83), ("attention", scores, 12.57), ("products", products, 5.28),
             ("exchange", exchange, 18.47), ("apart", device + exchange, 37.9), ("ideal", max(device, exchange), 19.4))  # fmt: skip
    rows = [percent(f"S51.{key}", f"decode step, {key}", "ms", paper, 1e3 * time) for key, time, paper in terms]
    return [*rows, percent("S51.ratio", "measured over terms one after the other", "1", 1.26, 1 / 21 / (device + exchange))]


def model_rows(day: Machine) -> list[Row]:
    """The model's own figures: rates per node within 30 %, nodes, cost; by rules (V) and by the design file (D)."""
    (table,) = read_tables([SHIPPED / "validation" / "serving_deepseek_day.csv"])
    found = {p.run.name: p for p in predict_serving(table.serving)[0]}
    even = {p.run.name: p for p in predict_serving([r._replace(note=r.note.replace("natural load", "")) for r in table.serving])[0]}
    metrics = day.at(88.0)
    rates = {
        "V": (NODE * found["day_prefill"].predicted, NODE * found["day_decode"].predicted),
        "D": (NODE * float(metrics.prefill_tokens_per_second), NODE * float(metrics.decode_tokens_per_second)),
    }
    rows = []
    for key, (prefill, decode) in rates.items():
        rows.append(percent(f"M.{key}.prefill", "tokens read per second and node", "1/s", PREFILL, prefill, 0.3))
        rows.append(percent(f"M.{key}.decode", "tokens written per second and node", "1/s", DECODE, decode, 0.3))
        nodes, (cost, income) = sum(nodes_of(prefill, decode)), money(sum(nodes_of(prefill, decode)))
        rows.append(percent(f"M.{key}.nodes", "nodes of the day", "1", NODES, nodes, 0.3))
        rows.append(Row(f"M.{key}.cost", "cost of the day", "$", 87072, cost))
        rows.append(Row(f"M.{key}.margin", "income over cost, less one", "1", 5.45, income / cost - 1))
    rows.append(Row("M.V.user", "tokens per second and user at 1,850 per device", "1/s", 21, found["day_decode_per_user"].predicted))
    rows.append(
        Row("M.V.even.prefill", "tokens read, were all prompts of one length", "1/s", PREFILL, NODE * even["day_prefill"].predicted)
    )
    rows.append(
        Row("M.V.even.decode", "tokens written, were all prompts of one length", "1/s", DECODE, NODE * even["day_decode"].predicted)
    )
    step = metrics.decode_parts
    rows.append(Row("M.D.step", "decode step", "ms", 47.6, 1e3 * float(metrics.decode_step_time)))
    return rows + [Row(f"M.D.step.{name}", "of it", "ms", None, 1e3 * float(time)) for name, time in step.items() if float(time) > 0]


def broken(metrics: Metrics) -> list[str]:
    """Limits that a design does not keep; 1e-6 over is kept."""
    pairs = [(c.name, getattr(metrics, c.demand), getattr(metrics, c.bound)) for c in CONSTRAINTS.values()]
    return [name for name, demand, bound in pairs if demand is not None and bound is not None and float(demand) > float(bound) * (1 + 1e-6)]


def machine_rows(machine: Machine) -> list[Row]:
    """What a machine serves at batch 88, and at the largest batch under 50 ms a token that fits."""
    key, at_day = f"W.{machine.label}", machine.at(88.0)
    room = float(at_day.decode_batch_limit)
    batch = last_batch(machine.at, lambda m: m.time_per_output_token <= TOKEN_TIME, 1.0, max(room, 1.0))
    found = machine.at(batch)
    limits = broken(found)
    fits = "" if room >= 88 else " (does not fit)"
    figures = (
        ("batch", "largest batch at 50 ms a token", "1", batch),
        ("rate", "tokens written per second and device, at that batch", "1/s", found.output_tokens_per_second),
        ("energy", "energy per token written", "J", found.energy_per_output_token),
        ("per_dollar", "tokens per second and 1,000 $", "1/s", 1e3 * found.output_tokens_per_dollar),
        ("first", "time to first token", "s", found.time_to_first_token),
        ("token", f"time per token at batch 88{fits}", "ms", 1e3 * at_day.time_per_output_token),
        ("breaks", f"limits broken{': ' if limits else ''}{', '.join(limits)}", "1", len(limits)),
    )
    return [Row(f"{key}.{name}", what, unit, None, float(value)) for name, what, unit, value in figures]


def serving_rows() -> list[Row]:
    """Every row."""
    found = machines()
    day = found["as served"]
    rows = [*bound_rows(), *arithmetic_rows(), *roofline_rows(), *model_rows(day)]
    return rows + [row for machine in found.values() for row in machine_rows(machine)]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("DeepSeek's production day, and what other hardware would serve", serving_rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
