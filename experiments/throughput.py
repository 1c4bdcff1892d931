"""How many designs per second are evaluated, and how many Jacobians, on this machine?

Each study is measured in a process of its own: full evaluations (all objectives and all
limits, float32), Jacobians of all of them to all continuous variables, the same equations
in plain NumPy, one complete search, and the peak memory of it all.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from claim import ROOT, Row, parser, show
from rates import rate

BATCH, CHUNK, REPEATS = 65_536, 16_384, 15
STUDIES = ("passage", "deepseek_v3_pod", "chiplight", "serve_deepseek_v3")
IN_NUMPY = ("passage", "deepseek_v3_pod")
"""Studies whose equations are also run in plain NumPy; the package of the third has tables, which that interpreter does not know."""
FLOORS = {"evaluations_per_second": 1e6, "jacobians_per_second": 1.5e5, "decode_steps_per_second": 1e6}


def decode_steps(study: Any) -> Callable[[], Any]:
    """A batch of decode steps that differ in batch, expert ranks, context, skew and memory bandwidth: their times per output token."""
    import jax
    import jax.numpy as jnp

    import codesign as cd
    from codesign import tree
    from codesign.design import with_values

    base = tree.cast((study.design, study.workload), jnp.float32)
    spans = {
        "deployment.decode.batch": (1, 512),
        "deployment.decode.ep": (8, 288),
        "workload.serving.prompt": (512, 32768),
        "workload.serving.skew": (0.1, 1),
        "cluster.device.package.memory.bandwidth": (4e11, 4e12),
    }
    drawn = np.random.default_rng(0).random((len(spans), BATCH))
    values = {
        path: jnp.asarray(low * (high / low) ** row, jnp.float32) for (path, (low, high)), row in zip(spans.items(), drawn, strict=True)
    }
    step = jax.jit(lambda v: cd.evaluate(*with_values(*base, v)).time_per_output_token)
    return lambda: step(values)


def measure(name: str) -> dict[str, float]:
    """All figures of one study, in this process."""
    import jax
    import jax.numpy as jnp
    from plain_numpy import operations, run

    import codesign as cd
    from codesign.search.gradient import jacobian
    from codesign.search.space import cells_at, lanes, to_values
    from codesign.study import make_model

    jax.config.update("jax_enable_x64", True)
    study = cd.load(ROOT / "configs" / "studies" / f"{name}.toml")
    model = make_model(study.file, study.design, study.workload, jnp.float32)
    generator = np.random.default_rng(0)
    result: dict[str, float] = {}
    for label, count in (("", BATCH), (f"_in_chunks_of_{CHUNK}", CHUNK)):
        z, cells = lanes(generator.random((study.space.dimension, count))), generator.integers(0, study.space.size, count)
        drawn = cells_at(study.space.cells, cells)
        forward = jax.jit(lambda z, c: model(to_values(study.space, z), c))
        slopes = jax.jit(jacobian(model, study.space))
        result[f"evaluations_per_second{label}"] = rate(lambda f=forward, z=z, c=drawn: f(z, c), count, REPEATS)[0]
        result[f"jacobians_per_second{label}"] = rate(lambda f=slopes, z=z, c=drawn: f(z, c), count, REPEATS)[0]
        if not label and name in IN_NUMPY:
            traced = jax.make_jaxpr(forward)(z, drawn)
            inputs = [np.asarray(leaf) for leaf in jax.tree.leaves((z, drawn))]
            ours = [np.asarray(leaf) for leaf in jax.tree.leaves(forward(z, drawn))]
            start = time.perf_counter()
            plain = run(traced.jaxpr, traced.consts, inputs)
            result["numpy_per_second"] = count / (time.perf_counter() - start)
            result["numpy_difference"] = float(max(np.max(np.abs(a - b)) for a, b in zip(ours, plain, strict=True)))
            result["equations"] = float(operations(traced.jaxpr))
    if name in IN_NUMPY:
        result["numpy_ratio"] = result["evaluations_per_second"] / result["numpy_per_second"]
    if study.design.deployment is not None:
        result["decode_steps_per_second"] = rate(decode_steps(study), BATCH, REPEATS)[0]
    start = time.perf_counter()
    front = cd.optimize(study)
    result |= {"search_seconds": time.perf_counter() - start, "search_designs": float(front.size)}
    result["peak_memory_gib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return result


def rows_of(name: str, found: dict[str, float]) -> list[Row]:
    """The figures of a study as rows, with the floors they must reach."""
    rows = []
    for quantity, value in found.items():
        low, high = FLOORS.get(quantity), float("inf")
        if quantity == "peak_memory_gib":
            low, high = 0.0, 4.0
        unit = {"peak_memory_gib": "GiB", "numpy_ratio": "x", "search_seconds": "s"}.get(
            quantity, "1/s" if "per_second" in quantity else "1"
        )
        rows.append(
            Row(f"{name}.{quantity}", f"{name}: {quantity.replace('_', ' ')}", unit, None, value, low, high if low is not None else None)
        )
    return rows


def main() -> int:
    """Print the claim, or the figures of one study when asked by the parent process."""
    arguments = parser(__doc__)
    arguments.add_argument("--measure", choices=STUDIES, help="measure one study in this process and print its figures")
    chosen = arguments.parse_args()
    if chosen.measure:
        print(json.dumps(measure(chosen.measure)))
        return 0
    rows = []
    for name in STUDIES:
        command = [sys.executable, str(Path(__file__)), "--measure", name]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | {"JAX_PLATFORMS": "cpu"}).stdout
        rows += rows_of(name, json.loads(output.splitlines()[-1]))
    assumptions = [
        f"{os.cpu_count()} cores, CPU, float32, medians of {REPEATS} runs; rates without suffix are for batches of {BATCH:,}",
        "an evaluation is all objectives and all limits; a Jacobian is theirs to every continuous variable, forward mode",
        "numpy: the same traced equations one by one with NumPy arrays of the same batch, one thread",
        "search: one complete optimisation, compilation included, without the persistent cache",
    ]
    return show("Speed of evaluation, on this machine", rows, assumptions, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
