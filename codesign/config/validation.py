"""Which bars and which calibrations does the project ship?"""

import tomllib
from typing import Any

from codesign.config.calibration import Calibration, load_calibration
from codesign.config.catalogue import SHIPPED


def shipped_bars() -> list[dict[str, Any]]:
    """Every bar: data set, quantity, bar, aim, and what others reach."""
    return list(tomllib.loads((SHIPPED / "validation" / "bars.toml").read_text(encoding="utf-8"))["bar"])


def shipped_calibrations() -> list[Calibration]:
    """Every calibration."""
    return [load_calibration(path) for path in sorted((SHIPPED / "calibrations").glob("*.toml"))]


def accuracy_of(calibration: Calibration | None) -> str:
    """How far the model is from measured runs on this machine class, or on those that have been measured."""
    if calibration is not None:
        return f"model, validated on {calibration.label}: {calibration.accuracy}"
    known = "; ".join(f"{c.label} {100 * c.error:.1f} %" for c in shipped_calibrations())
    return f"model; no machine of this class has been measured, the same equations are validated on others (mean error: {known})"
