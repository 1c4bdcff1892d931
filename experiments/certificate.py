"""How close to optimal is a front proved to be, how fast, and does full enumeration agree?

The flagship study is solved, then certified: 10 % within 30 seconds, 5 % within 120, and as near
to 2 % as 120 seconds allow. A reduced study is enumerated: every buildable design of it is evaluated.
"""

import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from claim import ROOT, Row, parser, show
from flagship import BASE

BARS = ((30.0, 0.10), (120.0, 0.05))
COMPILE, AIM, FLAGSHIP = 20.0, 0.02, "passage"
REDUCED = f"""\
title = "Reduced Passage study, small enough to be enumerated"
{BASE}
[discrete]
"mapping.tp" = [8, 16, 32]
"mapping.pp" = [4, 8]
"cluster.device.scale_up.link" = ["copper", "passage_interposer"]

[continuous]
"cluster.device.scale_up.bandwidth" = {{ low = "1.6 Tb/s", high = "64 Tb/s", step = "1.6 Tb/s" }}
"cluster.device.scale_out.bandwidth" = {{ low = "0.8 Tb/s", high = "6.4 Tb/s", step = "0.8 Tb/s" }}
"cluster.pod.size" = {{ low = 16, high = 512 }}
"cluster.device.package.stacks" = {{ low = 4, high = 16, step = 1 }}
"""


def solved(study: Any) -> tuple[Any, float]:
    """The front of a study, and the seconds of the search."""
    import codesign as cd

    start = time.perf_counter()
    front = cd.optimize(study)
    return front, time.perf_counter() - start


def proved(front: Any, target: float, seconds: float) -> tuple[Any, Any]:
    """A certificate on all cores, and the front with what the proof found."""
    from codesign.certificate import certified

    return certified(front, target, seconds, os.cpu_count() or 1, lambda progress: None)


def enumerated(study: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every buildable and feasible design of a study: values, cells, exact log objectives."""
    import jax

    from codesign.study import make_exact_evaluation

    lattice, values, cells = study.space.lattice, [], []
    for cell in range(study.space.size):
        axes = []
        for variable, step in enumerate(lattice.steps):
            low, high = (end[variable, 0] for end in lattice.ends(np.array([cell])))
            table = lattice.tables.get(variable)
            axes.append(table.rows[table.which[cell]] if table else step * np.arange(round(low / step), round(high / step) + 1))
        grid = np.array(list(itertools.product(*axes))).T
        values.append(grid)
        cells.append(np.full(grid.shape[1], cell))
    x, cell = np.concatenate(values, axis=1), np.concatenate(cells)
    with jax.enable_x64(True):
        _, objectives, broken = make_exact_evaluation(study)(x, cell)
    good = np.all(broken <= 0, axis=0) & np.all(np.isfinite(objectives), axis=0)
    return x[:, good], cell[good], objectives[:, good]


def objectives_of(front: Any) -> np.ndarray:
    """Log objectives (o, n) of a front, smaller is better."""
    from codesign.objectives import log_objectives

    return np.stack(log_objectives(front.metrics, front.study.file.objectives))


def excess_of(front: np.ndarray, points: np.ndarray) -> float:
    """log(1 + eps) by which some point is better than every front point in all objectives: by brute force."""
    worst = 0.0
    for start in range(0, points.shape[1], 2000):
        some = points[:, start : start + 2000]
        worst = max(worst, float(np.max(np.min(np.max(front[:, None, :] - some[:, :, None], axis=0), axis=1))))
    return worst


def reduced_rows() -> list[Row]:
    """The reduced study, enumerated."""
    import codesign as cd
    from codesign.pareto import nondominated

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reduced.toml"
        path.write_text(REDUCED, encoding="utf-8")
        study = cd.load(path)
    certificate, front = proved(solved(study)[0], 0.005, 60.0)
    _, _, objectives = enumerated(study)
    front = objectives_of(front)
    true = objectives[:, nondominated(objectives.T)]
    missed = sum(not np.any(np.all(np.abs(front - point[:, None]) < 1e-9, axis=0)) for point in true.T)
    actual = float(np.expm1(excess_of(front, true)))
    return [
        Row("enumeration.designs", "feasible designs of the reduced study", "1", None, objectives.shape[1]),
        Row("enumeration.front", "of them not dominated", "1", None, true.shape[1]),
        Row("enumeration.missed", "of these not on our front", "1", None, missed, 0, 0),
        Row("enumeration.certified", "factor certified", "1", None, certificate.eps, actual - 1e-9, 0.005 + 1e-9),
        Row("enumeration.true", "factor by which enumeration beats our front", "1", None, actual, 0, certificate.eps + 1e-12),
    ]


def study_rows(name: str, seconds: float) -> list[Row]:
    """Bars of one study: a proof of its own for each factor, and what the longest time gives."""
    import codesign as cd

    front, searched = solved(cd.load(ROOT / "configs" / "studies" / f"{name}.toml"))
    rows = [Row(f"{name}.search", "search before the proof", "s", None, searched)]
    for mark, bar in (*(pair for pair in BARS if pair[0] <= seconds), (seconds, AIM)):
        certificate, better = proved(front, bar, mark)
        limit = bar if name == FLAGSHIP and bar > AIM else None
        key = f"{name}.{100 * bar:.0f}%"
        rows += [
            Row(f"{key}.eps", f"factor held after at most {mark:.0f} s", "1", None, certificate.eps, None if limit is None else 0.0, limit),
            Row(f"{key}.time", "time of the proof", "s", None, certificate.seconds),
            Row(f"{key}.boxes", "boxes bounded", "1", None, certificate.boxes),
            Row(f"{key}.open", "boxes left open", "1", None, certificate.open),
        ]
    rows.append(Row(f"{name}.trace", "tracing and flattening (nothing is compiled)", "s", None, certificate.tracing, 0, COMPILE))
    return [*rows, Row(f"{name}.designs", "designs on the front at the end", "1", None, better.size)]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--studies", nargs="*", default=["passage"])
    arguments.add_argument("--seconds", type=float, default=120.0)
    options = arguments.parse_args()
    import jax

    from codesign.cli import start_jax

    start_jax()
    jax.config.update("jax_enable_x64", True)
    rows = reduced_rows()
    for name in options.studies:
        rows += study_rows(name, options.seconds)
    assumptions = [
        "a factor eps: for every feasible design there is a design of the front whose objectives are at most 1 + eps times its own",
        "the box, the lattice and the legal combinations are those of the study; the model is that of `evaluate` in float64",
    ]
    return show("Certificate of the front", rows, assumptions, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
