"""Which constants do the designs of a run rest on, and how are these designs evaluated again?"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.config.study_file import StudyFile
from codesign.config.values import FABRIC
from codesign.design import Design, leaves, with_values
from codesign.evaluate import evaluate
from codesign.fields import Quantity
from codesign.report.findings import limits_of
from codesign.report.rebuild import design_of
from codesign.report.run import Run
from codesign.study import results
from codesign.topology.choice import Choice
from codesign.uncertainty.draws import Constant
from codesign.uncertainty.outcomes import Group, Lanes, Model
from codesign.workload.training import Workload

Point = tuple[Design, Workload]
Ranges = dict[str, Mapping[str, Any]]
"""Of a path: value, low, high and source, SI."""


class Problem(NamedTuple):
    """Designs by structure, the constants that vary, how many stay at their value, the model, the names of its limits."""

    groups: list[Group]
    constants: list[Constant]
    unvaried: int
    model: Model
    limits: list[str]


class _Part(NamedTuple):
    """Designs that made the same choices among parts."""

    point: Point
    rows: list[int]
    values: dict[str, np.ndarray]
    quantities: dict[str, Quantity]
    ranges: Ranges


def _ranges(run: Run, number: int) -> Ranges:
    """Provenance of the numbers of one design that the study did not choose, by path."""
    study, row, found = run.manifest["study"], run.row(number), dict(run.manifest["provenance"])
    for path in sorted(study["options"], key=lambda path: path != FABRIC):
        options, name = study["options"][path], row[study["discrete"][path]["name"]]
        replaced = tuple(f"{gone}." for gone in options[name]["replaces"])
        found = {p: n for p, n in found.items() if not f"{p}.".startswith(replaced)}
        found |= run.manifest.get("option_provenance", {}).get(path, {}).get(name, {})
    return {path: n for path, n in found.items() if path not in study["discrete"] and path not in study["continuous"]}


def _parts(run: Run) -> list[_Part]:
    """Designs by their choices among parts; those of one part are rebuilt together."""
    study, found = run.manifest["study"], []
    names = [study["discrete"][path]["name"] for path in study["options"]]
    chosen: dict[tuple[Any, ...], list[int]] = {}
    for number in range(run.size):
        chosen.setdefault(tuple(run.columns[name][number] for name in names), []).append(number)
    for rows in chosen.values():
        columns = {name: [column[i] for i in rows] for name, column in run.columns.items()}
        one = {name: [cells[0] if isinstance(cells[0], str) else np.array(cells, dtype=float)] for name, cells in columns.items()}
        point = design_of(Run(run.manifest, one), 0)
        known = list(leaves(*point))
        values = {path: np.broadcast_to(np.asarray(value, dtype=float), (len(rows),)) for path, _, value in known}
        found.append(_Part(point, rows, values, {path: declared for path, declared, _ in known}, _ranges(run, rows[0])))
    return found


def _constant(part: _Part, path: str) -> Constant | None:
    """The constant at `path`, if it has a range, is no count, and has the value that the range is of."""
    number, declared = part.ranges.get(path), part.quantities[path]
    if number is None or declared.whole or not np.allclose(part.values[path], number["value"], rtol=1e-9, atol=0):
        return None
    value = number["value"]
    low, high = (value if number[key] is None else number[key] for key in ("low", "high"))
    return Constant(path.rsplit(".", maxsplit=1)[-1], declared.unit, low, value, high, number["source"]) if low < high else None


def _structure(point: Point) -> Any:
    """What designs share that one program evaluates: any of several fabrics may be chosen in it."""
    return jax.tree.structure(with_values(*point, {FABRIC: 0.0}))


def _template(parts: list[_Part]) -> tuple[Point, np.ndarray]:
    """One point for designs of one structure, with a choice of their fabrics, and the number of the fabric of each part."""
    fabrics: dict[Any, tuple[int, Any]] = {}
    for part in parts:
        fabric = jax.tree.map(lambda leaf: jnp.ravel(leaf)[0], part.point[0].cluster.fabric)
        fabrics.setdefault(jax.tree.structure(fabric), (len(fabrics), fabric))
    numbers = np.array([fabrics[jax.tree.structure(part.point[0].cluster.fabric)][0] for part in parts])
    template: Point = jax.tree.map(lambda leaf: jnp.ravel(leaf)[0], parts[0].point)
    if len(fabrics) > 1:
        choice = Choice(tuple(fabric for _, fabric in fabrics.values()), index=jnp.zeros(()))
        template = with_values(*template, {FABRIC: choice})
    return template, numbers


def _group(parts: list[_Part], constants: dict[Constant, int]) -> Group:
    """Designs of one structure; of constants of one name, range and source there is one, wherever it stands.

    What a fabric lacks has the value it has in another: there it is not looked at.
    """
    template, fabrics = _template(parts)
    sizes = [len(part.rows) for part in parts]
    own, which = {}, {}
    if fabrics.any():
        own[f"{FABRIC}.index"], which[f"{FABRIC}.index"] = np.repeat(fabrics.astype(float), sizes), np.full(sum(sizes), -1)
    for path in dict.fromkeys(path for part in parts for path in part.values):
        there = next(part.values[path][0] for part in parts if path in part.values)
        found = [_constant(part, path) if path in part.values else None for part in parts]
        numbers = [-1 if c is None else constants.setdefault(c, len(constants)) for c in found]
        column = np.concatenate([part.values.get(path, np.full(len(part.rows), there)) for part in parts])
        if max(numbers) >= 0 or np.ptp(column) > 0:
            own[path], which[path] = column, np.repeat(numbers, sizes)
    return Group(template, np.concatenate([part.rows for part in parts]), own, which)


def make_model(objectives: tuple[str, ...], limits: dict[str, float]) -> Model:
    """Log objectives and violations of designs, values at some paths replaced by lanes."""
    file = StudyFile("", "", objectives, (), (), limits, (), {}, None)

    def model(template: Any, lanes: Lanes) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        design, workload = template
        return results(evaluate(*with_values(design, workload, lanes)), file)

    return model


def problem_of(run: Run) -> Problem:
    """All designs of a run, with the constants whose ranges its manifest has."""
    parts, constants = _parts(run), dict[Constant, int]()
    alike: dict[Any, list[_Part]] = {}
    for part in parts:
        alike.setdefault(_structure(part.point), []).append(part)
    groups = [_group(group, constants) for group in alike.values()]
    places: dict[int, set[str]] = {number: set() for number in constants.values()}
    for group in groups:
        for path, which in group.which.items():
            for number in np.unique(which[which >= 0]):
                places[number].add(path)
    every = {path for part in parts for path, declared in part.quantities.items() if not declared.whole}
    listed = [constant._replace(paths=tuple(sorted(places[number]))) for constant, number in constants.items()]
    limits = [*limits_of(run), *(f"limit on {name}" for name in run.manifest["study"]["limits"])]
    model = make_model(tuple(o["name"] for o in run.manifest["objectives"]), run.manifest["study"]["limits"])
    return Problem(groups, listed, len(every.difference(*places.values())), model, limits)
