"""How is a design of a run folder rebuilt without the study file it came from?"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from codesign.config.schema import module_of
from codesign.design import WORKLOAD, Design
from codesign.fields import quantities
from codesign.report.run import Run
from codesign.units import unit_factor
from codesign.workload.training import Workload


def module_from_leaves(cls: type, leaves: Mapping[str, float], prefix: str = "") -> Any:
    """A Module of class `cls` from its leaves by path; a union member is told by its fields."""
    values: dict[str, Any] = {}
    declared = quantities(cls)
    for field in dataclasses.fields(cls):
        path = prefix + field.name
        if field.name in declared:
            values[field.name] = leaves[path]
            continue
        here = {p.removeprefix(path + ".").split(".")[0] for p in leaves if p.startswith(path + ".")}
        member = next(m for m in module_of(field.type) if {f.name for f in dataclasses.fields(m)} == here)
        values[field.name] = module_from_leaves(member, leaves, path + ".")
    return cls(**values)


def design_of(run: Run, number: int) -> tuple[Design, Workload]:
    """The design and workload of one row of a run, exactly as evaluated."""
    study, row = run.manifest["study"], run.row(number)
    leaves = dict(study["base"]) | {"mapping.dp": row["dp"]}
    for path, free in {**study["discrete"], **study["continuous"]}.items():
        value = row[free["name"]]
        if path in study["parts"]:
            leaves |= {f"{path}.{name}": number for name, number in study["parts"][path][value].items()}
        else:
            leaves[path] = value * unit_factor(free["unit"])[0]
    own = {path.removeprefix(WORKLOAD): value for path, value in leaves.items() if path.startswith(WORKLOAD)}
    return module_from_leaves(Design, leaves), module_from_leaves(Workload, own)
