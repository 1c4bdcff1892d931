"""What does a Python user call? `load` a file, `optimize` a study, `certify` its front."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from codesign.certificate import Certificate, certified
from codesign.config import ConfigError, Problem, load_design, load_study, load_system, load_workload
from codesign.config.document import read_document
from codesign.config.load import Point
from codesign.config.problems import shown_path
from codesign.config.workloads import parted
from codesign.search.run import Progress
from codesign.study import Front, Study, prepare, solve


def load(path: str | Path, settings: tuple[str, ...] = ()) -> Any:
    """What a TOML file describes: a `Study`, a design `Point`, a cluster or a workload.

    A study has free variables, a design has a mapping or a deployment, a workload a model, a system a
    device. Of a family of workloads "file.toml#variant" is one. Raises `ConfigError` with
    every problem found, `NoLegalMapping` for a study whose choices allow none.
    """
    path = Path(path)
    kind = kind_of(path)
    with jax.enable_x64(True):
        if kind == "study":
            point, file, _ = load_study(path, settings)
            return prepare(file, point.design, point.workload)
        if kind == "design":
            return load_design(path, settings)
        if settings:
            raise ConfigError([Problem("--set", 0, settings[0], f"a {kind} file cannot be changed by a setting; change the file")])
        return (load_workload if kind == "workload" else load_system)(path).module


KINDS = {
    "study": ("objectives", "discrete", "continuous"),
    "design": ("mapping", "deployment"),
    "workload": ("model", "training", "variants"),
    "system": ("device", "pod"),
}


def kind_of(path: Path) -> str:
    """Which kind of file this is, told by the tables it has; `ConfigError` when by none."""
    data = read_document(parted(path)[0]).data
    for kind, keys in KINDS.items():
        if any(key in data for key in keys):
            return kind
    tables = "; ".join(f"{kind}: {' or '.join(keys)}" for kind, keys in KINDS.items())
    raise ConfigError([Problem(shown_path(path), 0, "", f"describes nothing known; expected one of these tables ({tables})")])


def optimize(study: Study, seed: int | None = None, watch: Callable[[Progress], None] = lambda progress: None) -> Front:
    """The front of `study`, every design exactly feasible in float64, without a proof (`certify` makes one).

    Raises `Infeasible` when there is none, `ConfigError` when the study's time was too short to tell, `Interrupted`.
    """
    with jax.enable_x64(True):
        return solve(study, study.file.search["seed"] if seed is None else seed, watch)


def certify(front: Front, eps: float = 0.05, seconds: float = 30.0, workers: int = 1) -> tuple[Certificate, Front]:
    """A proof that for every feasible design one of the front is at most a factor 1 + eps worse in each objective, and that front.

    The front is `front` with the designs that the proof found. `eps` is where the proof may
    stop. More than one worker starts processes: then call it below `if __name__ == "__main__"`.
    Raises `UnknownOperation` where the model has no bounds.
    """
    return certified(front, eps, seconds, workers, lambda progress: None)


__all__ = ["Certificate", "Front", "Point", "Study", "certify", "load", "optimize"]
