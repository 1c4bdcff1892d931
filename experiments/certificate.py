"""How close to optimal is a front proved to be, how fast, and does full enumeration agree?

The flagship study is solved, then certified: the factor that holds is read after 30 and 120
seconds. A reduced study is enumerated: every buildable design of it is evaluated.
"""

import itertools
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from claim import ROOT, Row, parser, show

BARS = ((30.0, 0.10), (120.0, 0.05))
COMPILE = 20.0
REDUCED = """\
title = "Reduced Passage study, small enough to be enumerated"
system = "passage"
workload = "passage_4.7t"
objectives = ["time_to_train", "energy_to_train", "capital_cost"]

[mapping]
schedule = "full"
dp = 256
tp = 16
pp = 8
ep = 32
etp = 16
micro_batch = 1

[discrete]
"mapping.tp" = [8, 16, 32]
"mapping.pp" = [4, 8]
"cluster.device.scale_up.link" = ["copper", "passage_interposer"]

[continuous]
"cluster.device.scale_up.bandwidth" = { low = "1.6 Tb/s", high = "64 Tb/s", step = "1.6 Tb/s" }
"cluster.device.scale_out.bandwidth" = { low = "0.8 Tb/s", high = "6.4 Tb/s", step = "0.8 Tb/s" }
"cluster.pod.size" = { low = 16, high = 512 }
"cluster.device.package.stacks" = { low = 4, high = 16, step = 1 }
"""


def proved(study: Any, target: float, seconds: float, marks: tuple[float, ...]) -> tuple[Any, Any, dict[float, float], float]:
    """A solved study's certificate: front, certificate, factor held at each mark, seconds of the search."""
    import codesign as cd
    from codesign.certificate import certified

    start = time.perf_counter()
    front = cd.optimize(study)
    searched = time.perf_counter() - start
    held: dict[float, float] = {}

    def watch(progress: Any) -> None:
        held.update({mark: progress.eps for mark in marks if progress.seconds <= mark})

    certificate, better = certified(front, target, seconds, os.cpu_count() or 1, watch)
    for mark in marks:
        if certificate.open == 0 and certificate.seconds <= mark:
            held[mark] = certificate.eps
    return better, certificate, held, searched


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
    front, certificate, _, _ = proved(study, 0.005, 60.0, ())
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


def flagship_rows(name: str, seconds: float) -> list[Row]:
    """Bars of one study."""
    import codesign as cd

    study = cd.load(ROOT / "configs" / "studies" / f"{name}.toml")
    front, certificate, held, searched = proved(study, 0.02, seconds, tuple(mark for mark, _ in BARS))
    rows = [Row(f"{name}.search", "search before the proof", "s", None, searched)]
    rows.append(Row(f"{name}.trace", "tracing and flattening the model (nothing is compiled)", "s", None, certificate.tracing, 0, COMPILE))
    for mark, bar in BARS:
        if mark <= seconds:
            limit = bar if name == "passage" else None
            low = None if limit is None else 0.0
            rows.append(
                Row(f"{name}.eps.{mark:.0f}", f"factor that holds after {mark:.0f} s", "1", None, held.get(mark, np.inf), low, limit)
            )
    rows += [
        Row(f"{name}.boxes", "boxes bounded", "1", None, certificate.boxes),
        Row(f"{name}.rate", "boxes per second", "1/s", None, certificate.boxes / certificate.seconds),
        Row(f"{name}.open", "boxes left open at 2 %", "1", None, certificate.open),
        Row(f"{name}.designs", "designs on the front at the end", "1", None, front.size),
    ]
    return rows


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
        rows += flagship_rows(name, options.seconds)
    assumptions = [
        "a factor eps: for every feasible design there is a design of the front whose objectives are at most 1 + eps times its own",
        "the box, the lattice and the legal combinations are those of the study; the model is that of `evaluate` in float64",
    ]
    return show("Certificate of the front", rows, assumptions, options.json)


if __name__ == "__main__":
    raise SystemExit(main())
