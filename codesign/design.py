"""What is being decided: a cluster, and how the work is laid over it."""

from collections.abc import Iterator, Mapping
from typing import Any

import equinox as eqx

from codesign import tree
from codesign.cluster import Cluster
from codesign.fields import Quantity
from codesign.mapping import parallelism
from codesign.mapping.deployment import Deployment
from codesign.workload.training import Workload

WORKLOAD = "workload."


class Design(eqx.Module):
    """One point of the design space; every leaf may be a number or a batch of numbers.

    `mapping` lays training over the cluster, `deployment` serving; `None` where that is not asked for.
    """

    cluster: Cluster
    mapping: parallelism.Mapping | None
    deployment: Deployment | None = None


def with_values(design: Design, workload: Workload, values: Mapping[str, Any]) -> tuple[Design, Workload]:
    """`design` and `workload` with the nodes at "cluster...", "mapping..." and "workload..." replaced."""
    own = {path.removeprefix(WORKLOAD): value for path, value in values.items() if path.startswith(WORKLOAD)}
    rest = {path: value for path, value in values.items() if not path.startswith(WORKLOAD)}
    return tree.put(design, rest), tree.put(workload, own)


def value_at(design: Design, workload: Workload, path: str) -> Any:
    """The node at `path`; `AttributeError` when there is none."""
    return tree.get(workload, path.removeprefix(WORKLOAD)) if path.startswith(WORKLOAD) else tree.get(design, path)


def has(design: Design, workload: Workload, path: str) -> bool:
    """Is there a node at `path`?"""
    return tree.has(workload, path.removeprefix(WORKLOAD)) if path.startswith(WORKLOAD) else tree.has(design, path)


def leaves(design: Design, workload: Workload) -> Iterator[tuple[str, Quantity, Any]]:
    """Every numeric leaf of both as (path, quantity, value)."""
    yield from tree.leaves(design)
    yield from tree.leaves(workload, WORKLOAD)
