"""How does an experiment print its claim: paper beside model, with `within`?"""

import argparse
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]


class Row(NamedTuple):
    """One line of a claim; `low` and `high` bound what counts as within (None: the paper prints nothing)."""

    id: str
    quantity: str
    unit: str
    paper: float | None
    model: float
    low: float | None = None
    high: float | None = None

    @property
    def within(self) -> bool | None:
        """Is the model's figure inside the tolerance?"""
        if self.low is None or self.high is None:
            return None
        return bool(self.low <= self.model <= self.high)

    def data(self) -> dict[str, Any]:
        """The row as the interface prints it."""
        model, paper = float(self.model), None if self.paper is None else float(self.paper)
        ends = [None if end is None or math.isinf(end) else float(end) for end in (self.low, self.high)]
        kept = {"id": self.id, "quantity": self.quantity, "unit": self.unit, "paper": paper, "model": model}
        error = None if not paper else (model - paper) / paper
        return kept | {"error": error, "within": self.within, "tolerance": None if self.low is None else ends}


def rounded(row_id: str, quantity: str, unit: str, paper: float, model: float, half: float, slack: float = 0.0) -> Row:
    """A row within when the model is in the rounding interval paper +- half, widened by the share `slack`."""
    return Row(row_id, quantity, unit, paper, float(model), (paper - half) * (1 - slack), (paper + half) * (1 + slack))


def percent(row_id: str, quantity: str, unit: str, paper: float, model: Any, share: float = 0.01) -> Row:
    """A row within a share of the published figure."""
    return rounded(row_id, quantity, unit, paper, model, share * abs(paper))


def parser(text: str) -> argparse.ArgumentParser:
    """The arguments every experiment takes."""
    result = argparse.ArgumentParser(description=text)
    result.add_argument("--json", action="store_true", help="print one JSON object")
    return result


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:.5g}"


def show(claim: str, rows: list[Row], assumptions: list[str], as_json: bool, extra: Callable[[Console], None] | None = None) -> int:
    """Print the claim; 0 when every row that has a tolerance is within."""
    data = [row.data() for row in rows]
    if as_json:
        print(json.dumps({"claim": claim, "rows": data, "assumptions": assumptions}))
    else:
        console = Console(width=None if sys.stdout.isatty() else 150)
        table = Table("id", "quantity", "unit", "paper", "model", "error", "within", title=claim, box=None, title_justify="left")
        for row in data:
            error = "-" if row["error"] is None else f"{100 * row['error']:+.2f} %"
            table.add_row(row["id"], row["quantity"], row["unit"], _cell(row["paper"]), _cell(row["model"]), error, _cell(row["within"]))
        console.print(table)
        console.print("\nAssumptions", *(f"- {a}" for a in assumptions), sep="\n")
        if extra:
            extra(console)
    return 0 if all(row["within"] is not False for row in data) else 1
