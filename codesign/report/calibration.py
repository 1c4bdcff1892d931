"""How is a calibration written down, so that it can be read, checked and fitted again?"""

import json
import re
from pathlib import Path

from codesign.config.calibration import Calibration
from codesign.report.folder import check_file, replace
from codesign.units import unit_factor


def calibration_text(calibration: Calibration, prefix: str = "") -> str:
    """The tables of a calibration; `prefix` "calibration." inside a system file."""
    lines = []
    for p in calibration.parameters:
        factor, _ = unit_factor(p.unit)
        lines += ["", f'[{prefix}parameters."{p.path}"]', f'unit = "{p.unit}"']
        lines += [f"{key} = {getattr(p, key) / factor:.9g}" for key in ("prior", "low", "high")]
        lines += [f"spread = {p.spread:.6g}", f"value = {p.value / factor:.9g}", f"deviation = {p.deviation:.4g}"]
    for table, errors in calibration.errors.items():
        lines += ["", f'[{prefix}errors."{table}"]', *(f"{key} = {value:.6g}" for key, value in errors.items())]
    lines += ["", f"[{prefix}runs]"]
    for table, names in calibration.runs.items():
        lines += [f"{json.dumps(table)} = [", *(f"    {json.dumps(name)}," for name in names), "]"]
    return "\n".join(lines) + "\n"


def calibration_file(calibration: Calibration) -> str:
    """A file of `calibrations/`."""
    head = "# Efficiencies of one machine class, fitted by: codesign validate TABLES --fit --system NAME\n"
    return f"{head}label = {json.dumps(calibration.label)}\n" + calibration_text(calibration)


def system_file(base: str, calibration: Calibration) -> str:
    """The system file `base` with the calibration written into it."""
    stripped = re.sub(r"(?m)^calibration = .*\n", "", base)
    own = stripped.split("\n[calibration]")[0].rstrip()
    return f"{own}\n\n[calibration]\nlabel = {json.dumps(calibration.label)}\n" + calibration_text(calibration, "calibration.")


def write_whole(path: Path, text: str) -> None:
    """A text file, whole or not at all; `ConfigError` where nothing can be written."""
    check_file(path, "--out")
    replace(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
