"""How are designs read, changed, stacked and evaluated by the million?

A path such as "cluster.device.scale_up.bandwidth" names a node of a design. Designs of
one structure are stacked leaf by leaf (a structure of arrays) and mapped in one call.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from codesign.fields import Quantity, quantities


def _addresses(tree: Any, names: tuple[str, ...]) -> list[tuple[str | int, ...]]:
    """Where a path leads: one node, or one in each of a choice's `members` that has it."""
    if not names:
        return [()]
    if hasattr(tree, names[0]):
        return [(names[0], *rest) for rest in _addresses(getattr(tree, names[0]), names[1:])]
    members = getattr(tree, "members", ())
    return [("members", i, *rest) for i, member in enumerate(members) for rest in _addresses(member, names)]


def _at(tree: Any, address: tuple[str | int, ...]) -> Any:
    for step in address:
        tree = getattr(tree, step) if isinstance(step, str) else tree[step]
    return tree


def _found(tree: Any, path: str) -> list[tuple[str | int, ...]]:
    found = _addresses(tree, tuple(path.split(".")))
    if not found:
        raise AttributeError(path)
    return found


def get(tree: Any, path: str) -> Any:
    """The node of `tree` at the dotted `path`; `AttributeError` when there is none."""
    return _at(tree, _found(tree, path)[0])


def has(tree: Any, path: str) -> bool:
    """Is there a node at the dotted `path`?"""
    return bool(_addresses(tree, tuple(path.split("."))))


def put(tree: Any, values: Mapping[str, Any]) -> Any:
    """`tree` with the nodes at the given paths replaced, outer ones first; nothing is validated here.

    A path into a choice (a Module with `members`) replaces the node in every member that has it.
    """
    if not values:
        return tree
    inner = {path: value for path, value in values.items() if any(path.startswith(other + ".") for other in values)}
    places = [(place, value) for path, value in values.items() if path not in inner for place in _found(tree, path)]
    tree = eqx.tree_at(lambda t: [_at(t, place) for place, _ in places], tree, [value for _, value in places])
    return put(tree, inner)


def leaves(tree: Any, prefix: str = "") -> Iterator[tuple[str, Quantity, Any]]:
    """Every declared numeric leaf of `tree` as (path, quantity, value), in field order."""
    declared = quantities(tree)
    for field in dataclasses.fields(tree):
        path = f"{prefix}{field.name}"
        value = getattr(tree, field.name)
        if field.name in declared:
            yield path, declared[field.name], value
        elif dataclasses.is_dataclass(value):
            yield from leaves(value, path + ".")


def cast(tree: Any, dtype: Any) -> Any:
    """`tree`, or a tuple of trees, with every leaf in `dtype`."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype=dtype), tree)


def stack(trees: Sequence[Any]) -> Any:
    """One tree whose leaves carry a leading axis over `trees` (all of one structure)."""
    return jax.tree.map(lambda *parts: jnp.stack(parts), *trees)


def take(stacked: Any, index: Any) -> Any:
    """The rows of a stacked tree at `index`, which may itself be an array."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[index], stacked)


def by_structure(trees: Sequence[Any]) -> list[list[int]]:
    """Positions of the trees that share a structure, group by group."""
    found: dict[Any, list[int]] = {}
    for position, tree in enumerate(trees):
        found.setdefault(jax.tree.structure(tree), []).append(position)
    return list(found.values())


def evaluate_all(function: Callable[[Any], Any], trees: Sequence[Any]) -> Any:
    """`function` of every tree, stacked in the given order, one call per structure.

    Designs of one structure are stacked and mapped together, so that n designs of s
    structures cost s traces. `function` must return the same structure for all of them.
    """
    results: dict[int, Any] = {}
    for positions in by_structure(trees):
        batch = jax.vmap(function)(stack([trees[i] for i in positions]))
        results |= {position: take(batch, row) for row, position in enumerate(positions)}
    return stack([results[position] for position in range(len(trees))])
