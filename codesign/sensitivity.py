"""Which constant moves which metric, and by how much?

Elasticity = d log metric / d log constant = (x / f) df / dx, exact by forward mode: 0.3
means that 1 % more of the constant gives 0.3 % more of the metric.
"""

from typing import Any

import jax
import jax.numpy as jnp

from codesign import tree
from codesign.design import Design, leaves, with_values
from codesign.evaluate import evaluate
from codesign.fields import Quantity
from codesign.workload.training import Workload


def is_rule(path: str) -> bool:
    """Is this a rule of accounting or a way to serve, and no constant? Batches are constants.

    >>> is_rule("deployment.decode.two_batches"), is_rule("deployment.decode.batch")
    (True, False)
    """
    return path.startswith("mapping.schedule.") or (path.startswith("deployment.") and not path.endswith(".batch"))


def continuous_leaves(design: Design, workload: Workload) -> dict[str, tuple[Quantity, Any]]:
    """Every constant that is neither a count nor a rule of accounting: path to declaration and value."""
    found = ((path, declared, value) for path, declared, value in leaves(design, workload) if not declared.whole)
    return {path: (declared, value) for path, declared, value in found if not is_rule(path)}


def elasticities(design: Design, workload: Workload, metrics: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """For each metric the elasticity to every continuous constant, largest first; zero constants give 0.

    Computed in float64 whatever the precision of the caller.
    """
    with jax.enable_x64(True):
        return _elasticities(tree.cast(design, jnp.float64), tree.cast(workload, jnp.float64), metrics)


def _elasticities(design: Design, workload: Workload, metrics: tuple[str, ...]) -> dict[str, dict[str, float]]:
    constants = {path: jnp.asarray(value) for path, (_, value) in continuous_leaves(design, workload).items()}
    slopes = _slopes(constants, design, workload, metrics)
    found = {}
    for name, slope in zip(metrics, slopes, strict=True):
        scaled = {path: float(slope[path] * constants[path]) for path in constants}
        found[name] = dict(sorted(scaled.items(), key=lambda item: -abs(item[1])))
    return found


def _slopes(constants: dict[str, Any], design: Design, workload: Workload, metrics: tuple[str, ...]) -> tuple[dict[str, Any], ...]:
    """d log metric / d constant, one dictionary per metric: one pass forwards with a lane per constant.

    Operation by operation: compiled as a whole, this program of one design takes minutes and gigabytes, and runs once.
    """
    shape = (len(constants),)

    def logs(values: dict[str, Any]) -> tuple[Any, ...]:
        result = evaluate(*with_values(design, workload, values))
        return tuple(jnp.broadcast_to(jnp.log(getattr(result, name)), shape) for name in metrics)

    lanes = {path: jnp.broadcast_to(value, shape) for path, value in constants.items()}
    moved = dict(zip(constants, jnp.eye(len(constants)), strict=True))
    _, slopes = jax.jvp(logs, (lanes,), (moved,))
    return tuple(dict(zip(constants, slope, strict=True)) for slope in slopes)
