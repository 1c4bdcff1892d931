"""How does a field say its unit, its bounds and its meaning, once for everybody?

The declaration below is the only place where a bound or a unit of a field is written:
the door (`config`) derives its validation from it, the report its labels, and the tests
their boxes. Bounds are given in the field's own unit and kept in SI.
"""

import dataclasses
import functools
import operator
from collections.abc import Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from codesign.units import unit_factor

Scalar = jax.Array
"""A real number, or a batch of them; shapes broadcast."""

METADATA_KEY = "quantity"
DESIGNS_KEY = "designs"
WORK_KEY = "work"


def total(parts: Iterable[Scalar]) -> Scalar:
    """The sum of at least one part."""
    return functools.reduce(operator.add, parts)


class Quantity(NamedTuple):
    """What is known about a numeric field: display unit, SI bounds, meaning, wholeness."""

    unit: str
    low: float
    high: float
    doc: str
    whole: bool


def as_float(value: Any) -> Any:
    """`value` as a strongly typed float array; floating arrays keep their precision, `None` says that there is no such result.

    Python numbers become arrays because a float leaf would be static under `eqx.filter_jit`
    and every new value would trace again.
    """
    if value is None or (isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating)):
        return value
    return jnp.asarray(value, dtype=float)


def quantity(
    unit: str,
    doc: str,
    *,
    low: float = 0.0,
    high: float = float("inf"),
    whole: bool = False,
    default: Any = dataclasses.MISSING,
    work: str = "",
) -> Any:
    """A float array field with `unit`, bounds `low` and `high` (in `unit`) and meaning `doc`.

    `whole` says that only whole numbers can be built (stacks, ports, degrees). `default`,
    like the bounds, is in `unit`; only dimensionless fields have one other than 0. `work` names what
    a result is of that is not there without it.
    """
    factor, _ = unit_factor(unit)
    metadata = {METADATA_KEY: Quantity(unit, low * factor, high * factor, doc, whole), WORK_KEY: work}
    if default is dataclasses.MISSING:
        return eqx.field(converter=as_float, metadata=metadata, kw_only=True)
    return eqx.field(converter=as_float, metadata=metadata, kw_only=True, default=default)


def part(*designs: type) -> Any:
    """A part field that may hold one of `designs` instead, from which the part is built before a design is evaluated."""
    return eqx.field(metadata={DESIGNS_KEY: designs})


def designs_of(field: dataclasses.Field) -> tuple[type, ...]:
    """The classes that may stand in the place of a part until it is built."""
    return tuple(field.metadata.get(DESIGNS_KEY, ()))


def of_work(cls: type, work: str) -> frozenset[str]:
    """The fields of a Module class that are results of that work alone."""
    return frozenset(field.name for field in dataclasses.fields(cls) if field.metadata.get(WORK_KEY) == work)


def quantities(module: Any) -> dict[str, Quantity]:
    """The declared numeric fields of a Module class, or those that an instance has, by name."""
    found = {field.name: field.metadata.get(METADATA_KEY) for field in dataclasses.fields(module)}
    whole = isinstance(module, type)
    return {name: entry for name, entry in found.items() if entry is not None and (whole or getattr(module, name) is not None)}
