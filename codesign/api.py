"""What does a Python user call? `load` a file, `optimize` a study."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from codesign.config import load_design, load_study, load_system, load_workload
from codesign.config.document import read_document
from codesign.config.load import Point
from codesign.search.run import Progress
from codesign.study import Front, Study, prepare, solve


def load(path: str | Path, settings: tuple[str, ...] = ()) -> Any:
    """What a TOML file describes: a `Study`, a design `Point`, a cluster or a workload.

    A study has free variables, a design has a mapping, a workload a model, a system a
    device. Raises `ConfigError` with every problem found.
    """
    path = Path(path)
    data = read_document(path).data
    with jax.enable_x64(True):
        if "continuous" in data or "objectives" in data or "discrete" in data:
            point, file, _ = load_study(path, settings)
            return prepare(file, point.design, point.workload)
        if "mapping" in data:
            return load_design(path)
        return (load_workload if "model" in data else load_system)(path).module


def optimize(study: Study, seed: int | None = None, watch: Callable[[Progress], None] = lambda progress: None) -> Front:
    """The front of `study`, every design exactly feasible in float64; `Infeasible` when there is none."""
    with jax.enable_x64(True):
        return solve(study, study.file.search["seed"] if seed is None else seed, watch)


__all__ = ["Front", "Point", "Study", "load", "optimize"]
