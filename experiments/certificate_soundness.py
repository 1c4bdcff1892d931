"""Does any design that the model evaluates lie outside what the certificate says of a box around it?

Random boxes, from one design to the whole space, and random parts of them; points of every part are evaluated by the
compiled float64 model itself. Checked are the bounds of every output on its own, the bounds of weighted sums of objectives from
slopes of the box, and that no part called infeasible holds a feasible point. Not-a-number counts as infeasible.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from claim import ROOT, Row, parser, show

from codesign.api import load
from codesign.cells import cell_values
from codesign.certificate import problem_of
from codesign.search.bound import Bounder, Boxes
from codesign.search.cover import weights
from codesign.search.enclose import Enclosure
from codesign.search.program import UnknownOperation
from codesign.search.space import cells_at
from codesign.study import Study, gap_results, make_model

BATCH = 1024
DECADES = (1e-3, 1e-2, 1e-1, 1.0, np.inf)
"""Ends of the classes of widths: the largest high / low of a part, less one."""
UNBOUNDED = 100.0
"""What slack counts as at most, in logarithms."""

Evaluate = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(values (d, n), cells (n,)) -> all outputs (outputs, n)."""


class Count(NamedTuple):
    """What was looked at, in parts and points, how often a claim was false, and how loose bounds were."""

    parts: int
    points: int
    feasible: int
    closed: int
    outside: int
    below: int
    wrongly_closed: int
    width: np.ndarray
    slack: np.ndarray

    def plus(self, other: "Count") -> "Count":
        """Both together."""
        joined = (np.concatenate([a, b]) if isinstance(a, np.ndarray) else a + b for a, b in zip(self, other, strict=True))
        return Count(*joined)


def make_evaluation(study: Study) -> Evaluate:
    """The compiled model."""
    model = jax.jit(make_model(study.file, study.design, study.workload, jnp.float64, gap_results))
    cells = cell_values(study.file, study.columns, jnp.float64)

    def evaluate(x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        objectives, gaps = model(tuple(x), cells_at(cells, cell))
        return np.stack([np.asarray(row) for row in (*objectives, *gaps)])

    return evaluate


def random_parts(study: Study, count: int, rng: np.random.Generator) -> tuple[Boxes, Boxes]:
    """Boxes between designs of a random cell, and a part of each: half of the parts are the whole box."""
    space, cell = study.space, rng.integers(study.space.size, size=count)
    reach = np.log(space.high / space.low)[:, None] * np.where(rng.random(count) < 0.1, 1.0, 10.0 ** rng.uniform(-5, 0, count))
    start = np.log(space.low)[:, None] + np.log(space.high / space.low)[:, None] * rng.random((space.dimension, count))
    ends = [space.snap(np.exp(np.clip(start + side * reach, *np.log([space.low, space.high])[..., None])), cell) for side in (-0.5, 0.5)]
    boxes = Boxes(cell, *np.sort(ends, axis=0))
    shares = np.sort(rng.random((2, space.dimension, count)), axis=0)
    cuts = [space.snap(np.exp(np.log(boxes.low) + np.log(boxes.high / boxes.low) * share), cell) for share in shares]
    low, high = (np.clip(cut, boxes.low, boxes.high) for cut in np.sort(cuts, axis=0))
    whole = rng.random(count) < 0.5
    return boxes, Boxes(cell, np.where(whole, boxes.low, low), np.where(whole, boxes.high, high))


def random_points(study: Study, parts: Boxes, points: int, rng: np.random.Generator) -> np.ndarray:
    """Values (d, n, points) in parts: corners, designs, and anything between."""
    low, high = parts.low[..., None], parts.high[..., None]
    share = rng.random((*parts.low.shape, points))
    corner = np.arange(points) % 4 == 0
    share[..., corner] = np.round(share[..., corner])
    x = np.clip(low * np.exp(share * np.log(high / low)), low, high)
    built = study.space.snap(x.reshape(len(low), -1), np.repeat(parts.cell, points)).reshape(x.shape)
    return np.where(np.arange(points) % 4 == 1, x, np.clip(built, low, high))


def checked(study: Study, problem: dict[str, Any], bounder: Bounder, evaluate: Evaluate, points: int, rng: np.random.Generator) -> Count:
    """One batch of boxes."""
    boxes, parts = random_parts(study, BATCH, rng)
    program, count = problem["program"], problem["objectives"]
    x = random_points(study, parts, points, rng).reshape(problem["dimension"], -1)
    found = evaluate(x, np.repeat(parts.cell, points)).reshape(-1, BATCH, points)
    leaves = {number: np.stack([leaf.at(parts.cell)] * 2) for number, leaf in problem["leaves"].items()}
    values = dict(enumerate(np.stack([parts.low, parts.high], axis=1))) | leaves
    natural = Enclosure(program, list(program.operations), program.outputs).bounds(values, {})
    low, high = (np.stack([np.broadcast_to(natural[o][side], BATCH) for o in program.outputs])[..., None] for side in (0, 1))
    outside = int(np.sum((found < low) | (found > high)))

    cells = bounder.cell_values(parts.cell)
    on = bounder.slopes(cells, boxes.low, boxes.high)
    known = cells | bounder.listed_values(cells, np.arange(BATCH), parts.low, parts.high)
    mix = weights(count)
    bounds = bounder.weighted(known, on, np.arange(BATCH), parts.low, parts.high, mix)
    with np.errstate(invalid="ignore"):
        sums = np.einsum("wo,obp->wbp", mix, found[:count])
    least = np.where(np.isnan(sums), np.inf, sums).min(axis=2)
    below = int(np.sum(np.where(np.isnan(sums), False, sums < bounds[..., None])))

    closed_at_once, at_least = bounder.at_once(cells, parts.low, parts.high)
    with np.errstate(invalid="ignore"):
        below += int(np.sum(found[:count] < at_least[..., None]))
    closed = on.infeasible | closed_at_once | bounder.infeasible(known, parts.low, parts.high, on.signs)
    feasible = np.all(found[count:] <= 0, axis=0) & np.all(np.isfinite(found[:count]), axis=0)
    wrongly = int(np.sum(feasible & closed[:, None]))
    seen = np.all(np.isfinite(least), axis=0)
    slack = np.minimum(np.median(np.where(seen, least, 0.0) - bounds, axis=0), UNBOUNDED)
    width = (parts.high / parts.low).max(axis=0) - 1
    return Count(BATCH, found[0].size, int(feasible.sum()), int(closed.sum()), outside, below, wrongly, width[seen], slack[seen])


def counted(study: Study, problem: dict[str, Any], boxes: int, points: int) -> Count:
    """All batches of a study."""
    rng = np.random.default_rng(0)
    listed = set(problem["lattice"].tables)
    bounder = Bounder(problem["program"], problem["dimension"], problem["objectives"], problem["leaves"], listed)
    evaluate = make_evaluation(study)
    total = checked(study, problem, bounder, evaluate, points, rng)
    while total.parts < boxes:
        total = total.plus(checked(study, problem, bounder, evaluate, points, rng))
    return total


def rows_of(name: str, count: Count) -> Iterator[Row]:
    """The claims of one study, and how loose the bounds are by the width of the part."""
    yield Row(f"{name}-points", "points evaluated", "", None, count.points)
    yield Row(f"{name}-feasible", "of these feasible", "%", None, 100 * count.feasible / count.points)
    yield Row(f"{name}-closed", "parts proved infeasible", "%", None, 100 * count.closed / count.parts)
    yield Row(f"{name}-outside", "outputs outside their bounds", "", None, count.outside, 0, 0)
    yield Row(f"{name}-below", "weighted sums below their bounds", "", None, count.below, 0, 0)
    yield Row(f"{name}-wrong", "feasible points in parts proved infeasible", "", None, count.wrongly_closed, 0, 0)
    start = -np.inf
    for end in DECADES:
        here = (count.width > start) & (count.width <= end)
        if here.any():
            yield Row(f"{name}-slack-{end:g}", f"median slack, width up to {end:g}", "log", None, np.median(count.slack[here]))
        start = end


def main() -> int:
    """Print the claim; 0 when nothing was false."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--studies", nargs="*", default=sorted(path.stem for path in (ROOT / "configs/studies").glob("*.toml")))
    arguments.add_argument("--boxes", type=int, default=100_000)
    arguments.add_argument("--points", type=int, default=100)
    arguments.add_argument("--quick", action="store_true", help="4096 boxes of 25 points")
    asked = arguments.parse_args()
    boxes, points = (4096, 25) if asked.quick else (asked.boxes, asked.points)
    jax.config.update("jax_enable_x64", True)
    rows: list[Row] = []
    notes = [f"{boxes} random boxes with a part each, {points} points in every part, seed 0"]
    for name in asked.studies:
        study = load(ROOT / "configs/studies" / f"{name}.toml")
        try:
            rows += rows_of(name, counted(study, problem_of(study, 0.01), boxes, points))
        except UnknownOperation as unknown:
            notes.append(f"{name}: {unknown}")
    return show("The bounds of the certificate hold for every design that the model evaluates.", rows, notes, asked.json)


if __name__ == "__main__":
    sys.exit(main())
