"""How many designs per second are evaluated on a graphics processor, where there is one?

A full evaluation is all objectives and all limits of one design, in float32. Three rates per study: designs of any cells
mixed, the values drawn on the device and the best design of each batch kept there, so that the host is not measured; the
same for batches of one cell each, where what depends on the choice alone is computed once; and Jacobians of all of it to
every continuous variable. The results are compared with those of the CPU in float64.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from claim import ROOT, Row, parser, show
from rates import rate

STUDIES = ("passage", "deepseek_v3_pod")
BAR = 5e8
LANES = 2**20
"""Designs per batch; more change little, fewer leave the device idle between kernels."""
BATCHES = 16
REPEATS = 5
COMPARED = 4096


def reason_to_skip() -> str:
    """Why nothing can be measured here; empty if it can."""
    import jax

    kinds = sorted({device.platform for device in jax.devices()})
    return "" if "gpu" in kinds or "cuda" in kinds else f"no graphics processor: jax sees {', '.join(kinds)} alone"


def best_of(model: Any, space: Any, chosen: Callable[[Any, int], Any]) -> Callable[[Any, Any], Any]:
    """The best sum of log objectives among the feasible of `LANES` designs drawn by a key, and how many are feasible."""
    import jax
    import jax.numpy as jnp

    from codesign.search.space import to_values

    def judged(key: Any, cells: Any) -> Any:
        keys = jax.random.split(key, space.dimension + 1)
        z = tuple(jax.random.uniform(k, (LANES,), jnp.float32) for k in keys[1:])
        objectives, violations = model(to_values(space, z), chosen(cells, keys[0]))
        feasible = sum((v <= 0).astype(jnp.int32) for v in violations) == len(violations)
        return jnp.min(jnp.where(feasible, sum(objectives), jnp.inf)), jnp.sum(feasible)

    return judged


def any_cells(space: Any) -> Callable[[Any, Any], Any]:
    """A cell per design, drawn by a key."""
    import jax

    from codesign.search.space import cells_at

    return lambda cells, key: cells_at(cells, jax.random.randint(key, (LANES,), 0, space.size))


def one_cell(space: Any) -> Callable[[Any, Any], Any]:
    """One cell for all designs, drawn by a key."""
    import jax

    from codesign.search.space import cells_at

    return lambda cells, key: cells_at(cells, jax.random.randint(key, (), 0, space.size))


def measured(name: str) -> list[Row]:
    """The rates of a study and how far its results are from those of the CPU."""
    import jax
    import jax.numpy as jnp

    import codesign as cd
    from codesign.search.gradient import jacobian
    from codesign.search.space import cells_at, lanes, to_values
    from codesign.study import make_model

    jax.config.update("jax_enable_x64", True)
    study = cd.load(ROOT / "configs" / "studies" / f"{name}.toml")
    model, space = make_model(study.file, study.design, study.workload, jnp.float32), study.space
    cells, rows = jax.tree.map(jnp.asarray, space.cells), []

    def note(key: str, text: str, unit: str, value: float, low: float | None = None, high: float | None = None) -> None:
        rows.append(Row(f"{name}.{key}", f"{name}: {text}", unit, None, value, low, high))

    for kind, chosen, text in (("mixed", any_cells(space), "any cells in a batch"), ("by_cell", one_cell(space), "a cell per batch")):
        judged = best_of(model, space, chosen)
        step = jax.jit(lambda key, cells, judged=judged: jax.lax.map(lambda k: judged(k, cells), jax.random.split(key, BATCHES)))
        found, first = rate(lambda step=step: step(jax.random.key(0), cells), LANES * BATCHES, REPEATS)
        note(f"evaluations.{kind}", f"full evaluations, {text}", "1/s", found, BAR if kind == "mixed" else None, np.inf)
        note(f"compile.{kind}", "first call", "s", first)
    generator = np.random.default_rng(0)
    z, index = lanes(generator.random((space.dimension, LANES // 4))), generator.integers(0, space.size, LANES // 4)
    slopes, drawn = jax.jit(jacobian(model, space)), cells_at(cells, index)
    found, first = rate(lambda: slopes(z, drawn), LANES // 4, REPEATS)
    note("jacobians", "Jacobians of all objectives and limits", "1/s", found)
    few = tuple(np.asarray(row[:COMPARED]) for row in z)
    here = jax.jit(lambda z, c: model(to_values(space, z), c)[0])(few, cells_at(cells, index[:COMPARED]))
    with jax.default_device(jax.devices("cpu")[0]):
        exact = make_model(study.file, study.design, study.workload, jnp.float64)
        there = jax.jit(lambda z, c: exact(to_values(space, z), c)[0])(
            tuple(row.astype(np.float64) for row in few), cells_at(space.cells, index[:COMPARED])
        )
    worst = max(float(np.max(np.abs(np.asarray(a, float) - np.asarray(b)))) for a, b in zip(here, there, strict=True))
    note("difference", "largest difference of a log objective from float64 on the CPU", "1", worst, 0.0, 1e-3)
    return rows


def main() -> int:
    """Print the rates, or why there are none."""
    arguments = parser(__doc__)
    arguments.add_argument("--studies", nargs="+", default=STUDIES, metavar="NAME")
    arguments.add_argument("--anyway", action="store_true", help="measure what there is, also where it is no graphics processor")
    chosen = arguments.parse_args()
    reason = "" if chosen.anyway else reason_to_skip()
    if reason:
        return show("Speed of evaluation on a graphics processor: skipped", [], [reason], chosen.json)
    import jax

    rows = [row for name in chosen.studies for row in measured(name)]
    device = jax.devices()[0]
    assumptions = [
        f"{device.device_kind}, jax {jax.__version__}, float32, {LANES:,} designs a batch, {BATCHES} batches a call",
        f"medians of {REPEATS} calls; the first call compiles",
        "an evaluation is all objectives and all limits of a design; the bar, 5e8 a second, is read on batches of any cells",
    ]
    return show("Speed of evaluation on a graphics processor", rows, assumptions, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
