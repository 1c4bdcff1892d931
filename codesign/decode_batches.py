"""Where does the batch move a decode step: from weights to keys and values, to computing, to the network?

The same design with other batches, by what sets most of its step.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from codesign.design import Design, with_values
from codesign.evaluate import evaluate
from codesign.workload.training import Workload

BATCH = "deployment.decode.batch"
PER_DOUBLING = 8


class Stretch(NamedTuple):
    """Batches from `low` to `high` [sequences per device] whose decode steps are bound by the same cause, with figures at both ends.

    Times per output token [s], tokens per second and decode device, ends at `low` and `high`.
    """

    bound: str
    low: float
    high: float
    times: tuple[float, float]
    rates: tuple[float, float]


class Batches(NamedTuple):
    """All stretches up to the largest batch that fits in memory (at least twice the design's own), and that batch."""

    own: float
    largest: float
    stretches: tuple[Stretch, ...]


def batches(design: Design, workload: Workload) -> Batches | None:
    """How what binds changes with the batch; `None` for a design that does not serve."""
    if design.deployment is None or workload.serving is None:
        return None
    own = float(design.deployment.decode.batch)
    largest = float(evaluate(design, workload).decode_batch_limit)
    low, high = min(1.0, own), max(2 * own, largest, 2.0)
    sizes = np.geomspace(low, high, max(2, round(PER_DOUBLING * np.log2(high / low)) + 1))
    metrics = evaluate(*with_values(design, workload, {BATCH: jnp.asarray(sizes)}))
    causes = list(metrics.decode_bounds)
    parts = np.stack([np.broadcast_to(np.asarray(metrics.decode_bounds[cause]), sizes.shape) for cause in causes])
    times, rates = np.asarray(metrics.time_per_output_token), np.asarray(metrics.decode_tokens_per_second)
    largest_cause = np.argmax(parts, axis=0)
    starts = [0, *(np.flatnonzero(np.diff(largest_cause)) + 1).tolist()]
    ends = [*(start - 1 for start in starts[1:]), len(sizes) - 1]

    def stretch(a: int, b: int) -> Stretch:
        pairs = [(float(values[a]), float(values[b])) for values in (times, rates)]
        return Stretch(causes[int(largest_cause[a])], float(sizes[a]), float(sizes[b]), *pairs)

    return Batches(own, largest, tuple(stretch(a, b) for a, b in zip(starts, ends, strict=True)))


def as_data(found: Batches | None) -> dict[str, Any]:
    """Plain data, empty where nothing is served."""
    return {} if found is None else found._asdict() | {"stretches": [s._asdict() for s in found.stretches]}


def as_lines(data: dict[str, Any], bounds: dict[str, float]) -> list[str]:
    """Sentences on what binds a decode step (`bounds` seconds by cause) and where the batch moves it."""
    if not data:
        return []
    total = sum(bounds.values())
    shares = ", ".join(f"{name} {100 * t / total:.0f} %" for name, t in sorted(bounds.items(), key=lambda item: -item[1]))
    lines = [f"The decode step is set by {shares}; where the batch per device moves it:"]
    for s in data["stretches"]:
        (fast, slow), (few, many) = s["times"], s["rates"]
        figures = f"{1e3 * fast:.3g} to {1e3 * slow:.3g} ms per token, {few:,.0f} to {many:,.0f} tokens/s per decode device"
        lines.append(f"  batch {s['low']:.3g} to {s['high']:.3g}: mostly {s['bound']}; {figures}")
    return [*lines, f"  here {data['own']:.3g}; memory holds {data['largest']:.3g}"]
