"""Which values may a table hold? Derived from the fields of the Modules, typed nowhere twice."""

import dataclasses
import functools
import math
import operator
import types
import typing
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import equinox as eqx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Tag, ValidationError, create_model

from codesign.config.document import Document
from codesign.config.problems import Problem, nearest
from codesign.fields import Quantity, designs_of, quantities
from codesign.units import UnitError, parse_quantity, show

RANGE_KEYS = {"default", "low", "high", "source", "note"}
LARGEST = 1e300
LABEL_KEYS = ("label", "source", "note", "stack", "calibration")


class Number(NamedTuple):
    """A value read at the door: SI value, plausible range if stated, source key."""

    value: float
    low: float | None = None
    high: float | None = None
    source: str = ""


def snake(name: str) -> str:
    """CamelCase as snake_case: the `kind` by which a union member is named."""
    return "".join(("_" if i and c.isupper() else "") + c.lower() for i, c in enumerate(name))


def _read_text(raw: str, unit: str) -> float:
    """A number with its unit; dimensionless ones may do without, or be per cent."""
    if unit != "1" or raw.strip().endswith("%"):
        return parse_quantity(raw, unit)
    try:
        return float(raw)
    except ValueError:
        raise ValueError(f"expected a number, got '{raw}'") from None


def read_value(quantity: Quantity, raw: Any) -> float:
    """One number in the unit of `quantity`; `ValueError` says what was expected."""
    unit = quantity.unit
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        raise ValueError(f"expected a number{'' if unit == '1' else f' with unit such as {unit}'}, got {type(raw).__name__}")
    if isinstance(raw, str):
        value = _read_text(raw, unit)
    elif unit != "1":
        raise ValueError(f"expected text with a unit such as '{raw} {unit}', got the bare number {raw}")
    else:
        value = float(raw) if abs(raw) < LARGEST else math.inf
    if not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {raw}")
    if not quantity.low <= value <= quantity.high:
        raise ValueError(f"{raw} is outside {show(quantity.low, unit)} to {show(quantity.high, unit)}")
    if quantity.whole and value != round(value):
        raise ValueError(f"expected a whole number, got {raw}")
    return value


def read_number(quantity: Quantity, raw: Any) -> Number:
    """A bare value, or a table with default, low, high, source, note."""
    try:
        if not isinstance(raw, dict):
            return Number(read_value(quantity, raw))
        if unknown := sorted(set(raw) - RANGE_KEYS):
            raise ValueError(f"unknown key '{unknown[0]}'" + nearest(unknown[0], RANGE_KEYS))
        if "default" not in raw:
            raise ValueError("a range needs 'default' besides 'low' and 'high'")
        default = read_value(quantity, raw["default"])
        low, high = (read_value(quantity, raw[k]) if k in raw else None for k in ("low", "high"))
        if (low is not None and low > default) or (high is not None and high < default):
            raise ValueError("expected low <= default <= high")
        return Number(default, low, high, str(raw.get("source", "")))
    except UnitError as error:
        raise ValueError(f"expected a quantity such as '1 {quantity.unit}': {error}") from None


def module_of(annotation: Any) -> tuple[type, ...]:
    """The Module classes an annotation stands for: none for a number, several for a union."""
    members = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    return tuple(m for m in members if isinstance(m, type) and issubclass(m, eqx.Module))


def parts_of(field: dataclasses.Field) -> tuple[type, ...]:
    """The Module classes that may stand in a field: those it is declared with, then designs from which one is built."""
    return module_of(field.type) + designs_of(field)


def members_at(cls: type, path: str) -> tuple[type, ...]:
    """The Module classes that can stand at a dotted path below `cls`: none where a number stands.

    >>> from codesign.cluster import Cluster
    >>> [member.__name__ for member in members_at(Cluster, "device.scale_up.link")]
    ['Link', 'OpticalLink']
    """
    members: tuple[type, ...] = (cls,)
    for name in path.split("."):
        here = [field for member in members for field in dataclasses.fields(member) if field.name == name]
        members = tuple(dict.fromkeys(member for field in here for member in parts_of(field)))
    return members


def usual_kind(field: dataclasses.Field) -> str | None:
    """The kind of a part that states none: what it is declared with, if a design may stand in its place."""
    return snake(module_of(field.type)[0].__name__) if designs_of(field) else None


def _kind_or(usual: str | None) -> Callable[[Any], Any]:
    """The kind that a table states, or the usual one."""

    def kind(data: Any) -> Any:
        return data.get("kind", usual) if isinstance(data, dict) else usual

    return kind


@functools.cache
def schema(cls: type, kind: str = "") -> type[BaseModel]:
    """The pydantic model of a Module class: same fields, same bounds, no other keys."""
    declared = quantities(cls)
    entries: dict[str, Any] = dict.fromkeys(LABEL_KEYS, (str, ""))
    if kind:
        entries["kind"] = (Literal[kind], kind)
    for field in dataclasses.fields(cls):
        if field.name in declared:
            kind_of_value = Annotated[Number, BeforeValidator(functools.partial(read_number, declared[field.name]))]
            default = ... if field.default is dataclasses.MISSING else Number(float(field.default))
            entries[field.name] = (kind_of_value, default)
            continue
        members = parts_of(field)
        if len(members) == 1:
            one, optional = schema(members[0]), field.default is None
            entries[field.name] = (one | None, None) if optional else (one, ...)
            continue
        tagged = [Annotated[schema(m, snake(m.__name__)), Tag(snake(m.__name__))] for m in members]
        union, usual = functools.reduce(operator.or_, tagged), usual_kind(field)
        named = Discriminator(_kind_or(usual), custom_error_type="union_tag", custom_error_message="unknown kind")
        entries[field.name] = (Annotated[union, named], ...)
    return create_model(cls.__name__, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **entries)


def _walk(cls: type, location: tuple[str, ...]) -> tuple[tuple[str, ...], type, tuple[type, ...]]:
    """A pydantic location without the tags of unions, the class that owns its last key, and the members found there."""
    owner, clean = cls, []
    members: tuple[type, ...] = (cls,)
    for part in location:
        tags = {snake(m.__name__): m for m in members}
        if len(members) > 1 and part in tags:
            owner, members = tags[part], (tags[part],)
            continue
        owner = members[0] if members else owner
        fields = {f.name: f for f in dataclasses.fields(owner)}
        members = parts_of(fields[part]) if part in fields else ()
        clean.append(part)
    return tuple(clean), owner, members


def _message(error: Any, owner: type, key: str, members: tuple[type, ...]) -> str:
    """pydantic's finding in the words of this project."""
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}'" + nearest(key, [f.name for f in dataclasses.fields(owner)])
    if error["type"] == "missing":
        return "this key is missing"
    if error["type"].startswith("union_tag"):
        return "expected kind = one of " + ", ".join(f"'{snake(m.__name__)}'" for m in members)
    if error["type"] in ("model_type", "model_attributes_type"):
        return "expected a table or the name of a row"
    return str(error["msg"]).removeprefix("Value error, ")


def validate(cls: type, data: dict[str, Any], document: Document, at: tuple[str, ...] = ()) -> tuple[BaseModel | None, list[Problem]]:
    """`data` as an instance of `schema(cls)`, or every problem in it."""
    try:
        return schema(cls).model_validate(data), []
    except ValidationError as failure:
        problems = []
        for error in failure.errors(include_url=False):
            location, owner, members = _walk(cls, tuple(str(part) for part in error["loc"]))
            key = location[-1] if location else ""
            problems.append(document.problem((*at, *location), _message(error, owner, key, members)))
        return None, problems


def build(cls: type, checked: BaseModel, prefix: str = "", inherited: str = "") -> tuple[Any, dict[str, Number]]:
    """The Module that `checked` describes, and the provenance of its leaves by path."""
    source = getattr(checked, "source", "") or inherited
    values: dict[str, Any] = {}
    provenance: dict[str, Number] = {}
    for field in dataclasses.fields(cls):
        entry = getattr(checked, field.name)
        if entry is None:
            continue
        if isinstance(entry, Number):
            values[field.name] = entry.value
            provenance[prefix + field.name] = entry._replace(source=entry.source or source)
        else:
            members = {snake(m.__name__): m for m in parts_of(field)}
            member = members[entry.kind] if len(members) > 1 else next(iter(members.values()))
            values[field.name], below = build(member, entry, f"{prefix}{field.name}.", source)
            provenance |= below
    return cls(**values), provenance
