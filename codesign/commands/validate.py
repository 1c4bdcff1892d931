"""What does `codesign validate` do?"""

from pathlib import Path
from typing import Any

from codesign.cli import emit, say
from codesign.config.calibration import Calibration
from codesign.config.catalogue import SHIPPED, shipped_text
from codesign.config.load import load_system
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.runs import Table, read_tables, shipped_tables
from codesign.config.validation import shipped_bars, shipped_calibrations
from codesign.report.calibration import calibration_file, system_file, write_whole
from codesign.report.folder import check_file
from codesign.report.terminal import console, table
from codesign.report.validation import BAR_HEADS, bar_cells, percent, render
from codesign.validate.bars import judged
from codesign.validate.calibrate import fit
from codesign.validate.datasets import datasets, peers_beside

WORST = 5


def run_validate(paths: list[Path], out: Path | None, as_json: bool) -> int:
    """Print predicted against measured for every table."""
    if out is not None:
        check_file(out, "--out")
    tables = read_tables(paths or shipped_tables())
    say(f"{sum(len(t.runs) + len(t.kernels) + len(t.serving) for t in tables)} measured rows in {len(tables)} tables")
    found = datasets(tables)
    peers = peers_beside(found, [peer for t in tables for peer in t.peers])
    bars = judged(shipped_bars(), found, shipped_calibrations())
    data: dict[str, Any] = {"datasets": found, "bars": bars, "peers": peers}
    if out is not None:
        write_whole(out, render(data))
        data["report"] = str(out)
    emit(data) if as_json else _print(data)
    return 0


def _print(data: dict[str, Any]) -> None:
    out = console()
    rows = [
        [d["name"], str(d["n"]), *(percent(d[k]) for k in ("mape", "median", "max", "bias")), _ranks(d)] for d in data["datasets"] if d["n"]
    ]
    out.print(table("Predicted against measured", ["table", "n", "mean", "median", "max", "bias", "rank correlation"], rows), "")
    if data["bars"]:
        out.print(table("Bars", BAR_HEADS, [bar_cells(b) for b in data["bars"]]), "")
    if data["peers"]:
        rows = [[p["dataset"], p["peer"], percent(p["mape"]), percent(p["ours"])] for p in data["peers"]]
        out.print(table("Others on the same rows, mean error", ["rows", "model", "theirs", "ours"], rows), "")
    worst = sorted(((abs(r["error"]), d["name"], r) for d in data["datasets"] for r in d["rows"]), key=lambda t: -t[0])[:WORST]
    rows = [[r["name"], name, r["measured"], r["predicted"], f"{100 * r['error']:+.1f} %"] for _, name, r in worst]
    out.print(table("Worst rows", ["row", "table", "measured", "predicted", "error"], rows), "")
    both = [r for d in data["datasets"] for r in d["rows"] if "predicted_all_scores" in r]
    if both:
        rows = [[r["name"], r["measured"], r["predicted"], r["predicted_all_scores"]] for r in both]
        out.print(table("Model FLOP rates by both conventions", ["row", "measured", "computed scores", "all scores"], rows), "")
    for d in data["datasets"]:
        reasons = sorted({entry["reason"] for entry in d["left_out"]})
        for reason in reasons:
            count = sum(entry["reason"] == reason for entry in d["left_out"])
            out.print(f"{d['name']}: {count} rows are not predicted: {reason}.", style="dim")


def _ranks(found: dict[str, Any]) -> str:
    values = [v for v in found["spearman"].values() if v is not None]
    return "-" if not values else f"{min(values):.3f}" if len(values) == 1 else f"{min(values):.3f} to {max(values):.3f}"


def run_fit(paths: list[Path], system: str | None, out: Path | None, as_json: bool) -> int:
    """Fit the efficiencies of the machine class of `system` to the given rows and write a system file."""
    base = SHIPPED / "systems" / f"{system}.toml"
    known = [p.stem for p in base.parent.glob("*.toml")]
    if system not in known:
        said = f"no system '{system}'" + nearest(str(system), known) if system else "--fit needs --system NAME"
        raise ConfigError([Problem("codesign validate", 0, "--system", said)])
    calibration = load_system(base).calibration
    if calibration is None:
        fitted = sorted(name for name in known if load_system(base.parent / f"{name}.toml").calibration)
        text = f"the system '{system}' names no calibration, so it is not known what to fit; those that do: {', '.join(fitted)}"
        raise ConfigError([Problem("codesign validate", 0, "--system", text)])
    target = out or Path(f"{system}_fitted.toml")
    check_file(target, "--out")
    tables = read_tables(paths or shipped_tables())
    say(f"fitting {len(calibration.parameters)} numbers of {calibration.label}; compiling the model and its derivatives")
    fitted_one = _fit(tables, calibration, system)
    text = (
        calibration_file(fitted_one)
        if target.parent.name == "calibrations"
        else system_file(shipped_text(f"systems/{system}.toml"), fitted_one)
    )
    write_whole(target, text)
    emit(_fit_data(calibration, fitted_one, target)) if as_json else _print_fit(_fit_data(calibration, fitted_one, target))
    return 0


def _fit(tables: list[Table], calibration: Calibration, system: str) -> Calibration:
    try:
        return fit(tables, calibration)[0]
    except LookupError:
        text = f"no timed row of these tables was measured on a machine of the class of '{system}' ({calibration.label})"
        raise ConfigError([Problem("codesign validate", 0, "--fit", text)]) from None


def _fit_data(before: Calibration, after: Calibration, target: Path) -> dict[str, Any]:
    parameters = [
        {"path": p.path, "unit": p.unit, "value": p.value, "deviation": p.deviation, "low": p.low, "high": p.high, "before": b.value}
        for p, b in zip(after.parameters, before.parameters, strict=True)
    ]
    return {"calibration": after.name, "parameters": parameters, "errors": after.errors, "file": str(target)}


def _print_fit(data: dict[str, Any]) -> None:
    from codesign.units import show

    out = console()
    rows = []
    for p in data["parameters"]:
        value, low, high, before = (show(p[key], p["unit"]) for key in ("value", "low", "high", "before"))
        rows.append([p["path"], value, f"{100 * p['deviation']:.1f} %", f"{low} to {high}", before])
    out.print(table("Fitted", ["parameter", "value", "deviation", "bounds", "before"], rows), "")
    heads = ["table", "rows", "fitted", "model left out", "table left out"]
    rows = [[t, f"{e['n']:.0f}", *(percent(e[k]) for k in ("mape", "left_out", "table_left_out"))] for t, e in data["errors"].items()]
    out.print(table("Mean error", heads, rows), "")
    out.print(f"written: {data['file']}")
