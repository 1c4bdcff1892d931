"""Differentiable co-design of clusters for Mixture-of-Experts models.

Imports are lazy, so that `import codesign` is instant and the command line can print its
help without loading jax.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from codesign.api import certify, load, optimize
    from codesign.design import Design
    from codesign.evaluate import evaluate
    from codesign.metrics import Metrics
    from codesign.rivals import to_optuna, to_pymoo
    from codesign.sensitivity import elasticities
    from codesign.workload.training import Workload

_HOMES = {
    "load": "api",
    "optimize": "api",
    "certify": "api",
    "Design": "design",
    "evaluate": "evaluate",
    "Metrics": "metrics",
    "elasticities": "sensitivity",
    "Workload": "workload.training",
    "to_pymoo": "rivals",
    "to_optuna": "rivals",
}

__all__ = ["Design", "Metrics", "Workload", "certify", "elasticities", "evaluate", "load", "optimize", "to_optuna", "to_pymoo"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'codesign' has no attribute '{name}'")
    return getattr(importlib.import_module(f"codesign.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


class _Package(ModuleType):
    """Keeps `codesign.evaluate` the function: importing the submodule of that name would hide it."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
