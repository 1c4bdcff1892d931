"""Which constants put the gains of A3D-MoE (arXiv 2507.19142) inside its published ranges, and how probable is that?

Rows S1 to S34 are laws of serving and of stacked memory, S13 to S15 and S35 to S47 the reference chain and its envelope, worked out by
hand in the facts; S53 are published gains of other systems with processing near memory, A gains of arrays in a whole step; E says where
the published ranges fall in the envelopes, Q are figures of the caveats. In JSON also per constant: C values that the ranges imply,
D exact derivatives at the centre, V shares of variance.
"""

import sys

import jax
import memory_stacks
import serving_anchors
import serving_arrays
import serving_laws
from a3d_ablation import rows_of
from a3d_caveats import caveat_rows, caveats
from a3d_chain import Constants
from a3d_envelope import BANDS, envelope_rows, halves, halves_rows, sourced_envelope, worked_envelope, worked_rows
from a3d_implied import ENDS, implied_rows
from a3d_implied import worked_rows as joint_rows
from a3d_models import read_models
from a3d_ranges import ALL, SOURCED, WORKED
from a3d_sensitivity import class_rows, elasticity_rows, variance_rows
from claim import Row, parser, show
from rich.console import Console
from rich.table import Table

PARTS = (serving_laws, memory_stacks, serving_anchors, serving_arrays)
"""Modules with rows and assumptions of their own; another 3D system is one more entry."""

ASSUMPTIONS = [
    "the column paper of S and Q rows has values worked out by hand in the facts; A3D-MoE publishes three ranges and none of its constants",
    "S47: a figure of the joint set is within when it is as near as samples of 4096 draws are to all draws",
    "E worked: the ranges of S47; E sourced: all constants, half of the draws with vias, half bonded",
    "latency and energy: a decode step of 16 sequences; throughput: 64 sequences and a prompt of 512 tokens; the median of four models",
    "chain: 16-bit numbers, every layer with experts, one device; norms, activations, embedding and network left out",
]


def study() -> tuple[list[Row], list[Row], list[str]]:
    """Rows of the claim, rows per constant, and what is assumed."""
    models = read_models()
    worked, sourced = worked_envelope(models), sourced_envelope(models)
    found = caveat_rows(models, worked)
    rows = [row for part in PARTS for row in part.rows()]
    rows += [*rows_of(models), *worked_rows(worked), *joint_rows(worked), *envelope_rows("worked", worked)]
    rows += [*envelope_rows("sourced", sourced), *halves_rows(sourced), *found]
    constants = [*implied_rows("worked", worked, WORKED), *implied_rows("sourced", sourced, ALL), *elasticity_rows(models)]
    for label, envelope in ({"worked": worked} | halves(sourced)).items():
        constants += variance_rows(label, envelope)
    words = [text for part in PARTS for text in part.ASSUMPTIONS]
    return rows, [*constants, *class_rows(sourced)], [*words, *ASSUMPTIONS, *caveats(found, worked)]


def print_table(console: Console, title: str, rows: list[Row], names: list[str], groups: dict[str, list[str]]) -> None:
    """A line per name with the rows whose ids are `groups` filled in with it, each group under its own heading."""
    at = {row.id: f"{round(row.model, 3):.3g}" for row in rows}
    table = Table("constant", title=f"\n{title}", box=None, title_justify="left")
    for heading, keys in groups.items():
        for key in keys:
            table.add_column(heading + key.replace(".{}", "").rsplit(".", 1)[-1], justify="right")
    for name in names:
        table.add_row(name.replace("_", " "), *(at.get(key.format(name), "-") for keys in groups.values() for key in keys))
    console.print(table)


def print_ranges(console: Console) -> None:
    """The range of every constant and its source."""
    table = Table("constant", "unit", "low", "usual", "high", "source", title="\nConstants", box=None, title_justify="left")
    vias, bonded = SOURCED
    for name in ALL:
        for entry in dict.fromkeys((vias[name], bonded[name])):
            ends = (f"{end:g}" for end in (entry.low, entry.default, entry.high))
            table.add_row(name.replace("_", " "), entry.unit, *ends, entry.source)
    console.print(table)


def print_constants(console: Console, rows: list[Row]) -> None:
    """Ranges, implied values, elasticities at the centre and shares of variance."""
    print_ranges(console)
    implied = {f"{label}, % ": [f"C.{label}.{{}}.{end}" for end in ENDS] for label in ("worked", "sourced")}
    print_table(console, "Values in the joint set", rows, ["knob", *ALL], implied)
    print_table(console, "Elasticities at the centre", rows, list(Constants._fields), {"": [f"D.{kind}.{{}}" for kind in BANDS]})
    shares = {f"{label} ": [f"V.{label}.{kind}.{{}}" for kind in BANDS] for label in ("worked", "vias", "bonded")}
    print_table(console, "First-order shares of variance, %", rows, [*ALL, "joint"], shares)


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    rows, constants, words = study()
    shown = [*rows, *constants] if arguments.json else rows
    title = "A3D-MoE: brackets around three published ranges"
    return show(title, shown, words, arguments.json, lambda console: print_constants(console, constants))


if __name__ == "__main__":
    sys.exit(main())
