"""Which fitted efficiencies does a machine have, from which measured runs, and how good are they?

A system names its calibration, a file of `calibrations/`, or holds it as its own table. Every
parameter gives its place in the cluster, the prior and the bounds it was fitted under, its
value and the standard deviation of its logarithm.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

from codesign.config.catalogue import Catalogue
from codesign.config.document import Document, read_document
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.units import UnitError, unit_factor

NUMBERS = ("prior", "low", "high", "value")
KEYS = {*NUMBERS, "unit", "spread", "deviation"}


class Parameter(NamedTuple):
    """One number that is fitted: its place in a cluster, prior and bounds and value in SI.

    `spread` is the standard deviation of the prior's logarithm, `deviation` that of the fit.
    """

    path: str
    unit: str
    prior: float
    spread: float
    low: float
    high: float
    value: float
    deviation: float


class Calibration(NamedTuple):
    """The parameters of one machine class, the runs behind them by table, the errors by table."""

    name: str
    label: str
    parameters: tuple[Parameter, ...]
    runs: dict[str, list[str]]
    errors: dict[str, dict[str, float]]

    @property
    def error(self) -> float:
        """Mean absolute error over the tables behind it, each counted once."""
        return sum(e["mape"] for e in self.errors.values()) / max(len(self.errors), 1)

    @property
    def accuracy(self) -> str:
        """The errors on the tables behind it, fitted and with the model left out of the fit."""
        parts = [
            f"{100 * e['mape']:.1f} % on {e['n']:.0f} rows of {table} ({100 * e['left_out']:.1f} %)" for table, e in self.errors.items()
        ]
        return f"mean error {', '.join(parts)}; in brackets with the row's model left out of the fit" if parts else "no rows behind it"


def _parameter(path: str, entry: Any, document: Document, at: tuple[str, ...]) -> tuple[Parameter | None, list[Problem]]:
    if not isinstance(entry, dict):
        return None, [document.problem(at, "expected a table with " + ", ".join(sorted(KEYS)))]
    problems = [document.problem((*at, k), "unknown key" + nearest(k, KEYS)) for k in entry if k not in KEYS]
    problems += [document.problem(at, f"the key '{k}' is missing") for k in sorted(KEYS - set(entry))]
    if problems:
        return None, problems
    try:
        factor, _ = unit_factor(entry["unit"])
        found = {k: float(entry[k]) * factor for k in NUMBERS} | {k: float(entry[k]) for k in ("spread", "deviation")}
    except (UnitError, TypeError, ValueError) as error:
        return None, [document.problem(at, f"expected numbers and a unit: {error}")]
    if not found["low"] <= found["value"] <= found["high"]:
        return None, [document.problem(at, f"the value {entry['value']:g} lies outside {entry['low']:g} to {entry['high']:g}")]
    return Parameter(path, entry["unit"], **found), []


def read_calibration(data: dict[str, Any], document: Document, at: tuple[str, ...], name: str) -> Calibration:
    """A calibration from its table; `ConfigError` with everything wrong in it."""
    problems: list[Problem] = []
    parameters = []
    for path, entry in data.get("parameters", {}).items():
        found, more = _parameter(path, entry, document, (*at, "parameters", path))
        problems += more
        parameters += [found] if found else []
    if not parameters and not problems:
        problems.append(document.problem(at, "a calibration needs a table 'parameters'"))
    if problems:
        raise ConfigError(problems)
    return Calibration(name, str(data.get("label", name)), tuple(parameters), data.get("runs", {}), data.get("errors", {}))


def calibration_of(document: Document, catalogue: Catalogue) -> Calibration | None:
    """The calibration a system file names or holds, none if it has neither."""
    entry = document.data.get("calibration")
    if entry is None:
        return None
    if isinstance(entry, dict):
        return read_calibration(entry, document, ("calibration",), document.path.stem)
    folder = catalogue.folder / "calibrations"
    known = [p.stem for p in folder.glob("*.toml")]
    if entry not in known:
        raise ConfigError([document.problem(("calibration",), f"no file '{entry}' in calibrations" + nearest(str(entry), known))])
    return load_calibration(folder / f"{entry}.toml")


def load_calibration(path: Path) -> Calibration:
    """A file of `calibrations/`."""
    document = read_document(path)
    return read_calibration(document.data, document, (), path.stem)


def calibrated(data: dict[str, Any], calibration: Calibration) -> dict[str, Any]:
    """A system's table with the fitted values in their places."""
    result = {key: value for key, value in data.items() if key != "calibration"}
    for p in calibration.parameters:
        _put(result, p.path.split("."), _entry(p))
    return result


def _entry(p: Parameter) -> dict[str, Any]:
    """The fitted value with the range that has its standard deviation, as even odds in logarithms, within the bounds of the fit."""
    factor, _ = unit_factor(p.unit)
    reach = math.exp(math.sqrt(3) * p.deviation)
    ends = {"low": max(p.low, p.value / reach), "default": p.value, "high": min(p.high, p.value * reach)}
    numbers = {name: end / factor for name, end in ends.items()}
    shown = {k: v if p.unit == "1" else f"{v:.9g} {p.unit}" for k, v in numbers.items()}
    return shown | {"source": "calibration", "note": f"fitted, standard deviation {100 * p.deviation:.1f} %"}


def _put(table: dict[str, Any], path: list[str], value: Any) -> None:
    """`value` at `path`, rows that are only named becoming tables with overrides."""
    for part in path[:-1]:
        inner = table.get(part, {})
        table[part] = dict(inner) if isinstance(inner, dict) else {"row": inner}
        table = table[part]
    table[path[-1]] = value


__all__ = ["Calibration", "Parameter", "calibrated", "calibration_of", "load_calibration", "read_calibration"]
