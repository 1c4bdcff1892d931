"""How is a design of a run folder rebuilt without the study file it came from?"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from codesign.config.schema import parts_of, snake
from codesign.config.values import FABRIC
from codesign.design import WORKLOAD, Design
from codesign.fields import quantities
from codesign.report.run import Run
from codesign.units import unit_factor
from codesign.workload.training import Workload


def module_from_leaves(cls: type, leaves: Mapping[str, float], kinds: Mapping[str, str], prefix: str = "") -> Any:
    """A Module of class `cls` from its leaves and the kinds of its parts, both by path."""
    values: dict[str, Any] = {}
    declared = quantities(cls)
    for field in dataclasses.fields(cls):
        path = prefix + field.name
        if field.name in declared:
            values[field.name] = leaves[path]
            continue
        if path not in kinds:
            values[field.name] = None
            continue
        member = next(m for m in parts_of(field) if snake(m.__name__) == kinds[path])
        values[field.name] = module_from_leaves(member, leaves, kinds, path + ".")
    return cls(**values)


def _replaced(values: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """`values` without what stands at or below the paths."""
    return {path: value for path, value in values.items() if not any(f"{path}.".startswith(f"{gone}.") for gone in paths)}


def design_of(run: Run, number: int, instead: Mapping[str, Any] = MappingProxyType({})) -> tuple[Design, Workload]:
    """The design and workload of one row of a run, exactly as evaluated; `instead` names other choices by column.

    What traffic made of the row's own fabric is not carried to another one.
    """
    study, row = run.manifest["study"], run.row(number) | dict(instead)
    leaves, kinds = dict(study["base"]), dict(study["kinds"])
    leaves |= {"mapping.dp": row["dp"]} if "mapping.dp" in leaves else {}
    for path in sorted(study["options"], key=lambda path: path != FABRIC):
        option = study["options"][path][row[study["discrete"][path]["name"]]]
        here = [gone for gone in option["replaces"] if gone in leaves or gone in kinds]
        leaves = _replaced(leaves, here) | {p: v for p, v in option["leaves"].items() if _within(p, here)}
        kinds = _replaced(kinds, here) | {p: v for p, v in option["kinds"].items() if _within(p, here)}
    for path, free in {**study["discrete"], **study["continuous"]}.items():
        if path in leaves:
            leaves[path] = row[free["name"]] * unit_factor(free["unit"])[0]
    own_fabric = all(row[name] == value for name, value in run.row(number).items() if name in instead)
    traffic = {path: column for path, column in study["traffic"].items() if own_fabric or not path.startswith(FABRIC)}
    leaves |= {path: row[column] for path, column in traffic.items() if path in leaves}
    own = {path.removeprefix(WORKLOAD): value for path, value in leaves.items() if path.startswith(WORKLOAD)}
    own_kinds = {path.removeprefix(WORKLOAD): kind for path, kind in kinds.items() if path.startswith(WORKLOAD)}
    return module_from_leaves(Design, leaves, kinds), module_from_leaves(Workload, own, own_kinds)


def _within(path: str, paths: list[str]) -> bool:
    return any(f"{path}.".startswith(f"{outer}.") for outer in paths)
