"""Do the laws of serving a mixture of experts give the values worked out by hand and by drawing?

S1 to S12 and S18 to S21; rows whose name ends in a letter print the closed forms that a search uses beside the exact ones.
"""

import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from claim import Row, parser, percent, rounded, show

from codesign.config.load import load_workload_named
from codesign.performance.expert_cache import byte_hit, lru_hit, token_hit
from codesign.performance.operator_fusion import split_penalty
from codesign.performance.score_reads import even_odd_efficiency, even_odd_estimate, low_score_share_per_slot
from codesign.performance.straggler import poisson_straggler, skew_factor, straggler
from codesign.performance.systolic_array import (
    best_adaptive_utilisation,
    feed_demand,
    fixed_array_ratio,
    smooth_adaptive_utilisation,
    utilisation,
)
from codesign.performance.tile_count import expected_tiles, row_utilisation, smooth_tiles
from codesign.workload.expert_coverage import (
    balanced_coverage,
    correlation_of_union,
    coverage,
    effective_tokens,
    strata_coverage,
    uniform_coverage,
)
from codesign.workload.parameters import expert_parameters
from codesign.workload.popularity import strata, zipf_probabilities

EVEN = "uniform routing"
SHAPES = {
    "olmoe_1b_7b": 6.442,
    "qwen15_moe_a2.7b": 12.457,
    "deepseek_v2_lite": 14.395,
    "mixtral_8x7b": 45.097,
    "qwen3_30b_a3b": 28.991,
    "deepseek_v3": 653.91,
}
"""Billions of routed parameters."""

ASSUMPTIONS = [
    "expected values are worked out from the equations, or drawn; none is a measurement",
    "tokens choose experts independently; sampling experts of one token without replacement by Zipf weights would touch up to 5 % more",
    "S11.feed: 2 bytes per weight at 1 GHz, to show the size of the demand",
]


@functools.cache
def compiled(law: Callable[..., Any], **static: Any) -> Callable[..., Any]:
    """The law as a program, with what is fixed."""
    return jax.jit(functools.partial(law, **static))


def at(law: Callable[..., Any], *numbers: Any, **static: Any) -> jax.Array:
    """The law at numbers or arrays."""
    return compiled(law, **static)(*(jnp.asarray(number, dtype=float) for number in numbers))


def popular(top_k: Any, exponent: Any, experts: int) -> Any:
    """Probabilities of experts (E,)."""
    return zipf_probabilities(experts, top_k, exponent)


def zipf(experts: int, top_k: float, exponent: float) -> jax.Array:
    """The same at numbers."""
    return at(popular, top_k, exponent, experts=experts)


def touched_in_strata(experts: Any, top_k: Any, exponent: Any, tokens: Any) -> Any:
    """Coverage in closed form."""
    return strata_coverage(strata(experts, top_k, exponent), tokens)


def coverage_rows() -> list[Row]:
    """S1 to S4: experts touched."""
    cases = ((16, 128, 82.42), (1, 128, 8.00), (32, 128, 111.77), (16, 64, 56.44), (16, 256, 101.96), (128, 256, 251.60))
    rows = [rounded(f"S1.{t}.{e}", f"experts of {e} touched by {t} tokens, {EVEN}", "1", paper, at(uniform_coverage, e, 8, t), 0.01)
            for t, e, paper in cases]  # fmt: skip
    rows.append(Row("S1.b", "of 128 by 16 tokens in turn", "1", None, float(at(balanced_coverage, 128, 8, 16))))
    slope = at(jax.grad(uniform_coverage, 2), 128, 8, 16)
    rows.append(percent("S2", "further experts per token", "1", 2.9415, slope, 1e-4))
    for tokens, values in ((16, (74.90, 64.90, 54.34)), (32, (103.07, 91.53, 77.89))):
        for s, paper in zip((0.5, 0.75, 1.0), values, strict=True):
            text = f"experts of 128 touched by {tokens} tokens, Zipf {s:g}"
            rows.append(rounded(f"S3.{tokens}.{s:g}", text, "1", paper, at(coverage, zipf(128, 8, s), tokens), 0.02))
            rows.append(percent(f"S3.{tokens}.{s:g}c", "the same from strata", "1", paper, at(touched_in_strata, 128, 8, s, tokens), 0.001))
    for c, paper in ((0.9, 69.48), (0.7, 46.34)):
        touched = at(uniform_coverage, 128, 8, at(effective_tokens, 16, c))
        rows.append(rounded(f"S4.{c}", f"experts of 128 touched by 16 tokens, correlation {c}", "1", paper, touched, 0.01))
    union = at(correlation_of_union, 128, 8, 4, 20)
    return [*rows, rounded("S4.union", "correlation of 4 tokens that touch 20 experts", "1", 0.698, union, 0.002)]


def straggler_rows() -> list[Row]:
    """S5 and S6: the busiest rank, beside the exact sum (0.002) and drawn slots (3 %; 7 % for the closed form)."""
    rows = []
    exact = {32: (2.162, 1.383, 1.132), 128: (4.374, 2.028, 1.339)}
    drawn = {32: (2.16, 1.38, 1.13), 128: (4.26, 1.99, 1.34)}
    for name, ranks in (("S5", 32), ("S6", 128)):
        for tokens, paper, seen in zip((16, 128, 1024), exact[ranks], drawn[ranks], strict=True):
            slots, text = tokens * 8 / ranks, f"busiest of {ranks} ranks over the mean, {tokens} tokens"
            phi = at(poisson_straggler, slots, ranks, terms=480)
            rows.append(rounded(f"{name}.{tokens}", text, "1", paper, phi, 0.002))
            rows.append(percent(f"{name}.{tokens}d", "the same beside drawn slots", "1", seen, phi, 0.03))
            rows.append(percent(f"{name}.{tokens}c", "the same in closed form", "1", seen, at(straggler, slots, ranks), 0.07))
    for s in (0.5, 1.0):
        skew = at(skew_factor, zipf(256, 8, s), jnp.ones(256), ranks=32)
        rows.append(Row(f"S5.skew.{s:g}", f"first of 32 ranks over the mean, 256 experts in order, Zipf {s:g}", "1", None, float(skew)))
    return rows


def parameter_rows() -> list[Row]:
    """S7: routed parameters of the shipped models."""
    rows = []
    for name, paper in SHAPES.items():
        model = load_workload_named(name).module.model
        held = model.moe_layers * model.experts * expert_parameters(model) / 1e9
        rows.append(percent(f"S7.{name}", "routed parameters", "G", paper, held, 1e-4))
    return rows


def array_rows() -> list[Row]:
    """S8 to S12: tiles and arrays."""
    rows = []
    tiles = {(0.5, 16): 0.39347, (4, 16): 0.98169, (16, 16): 1.43417, (20, 16): 1.78365,
             (100, 128): 1.00303, (128, 128): 1.47652, (300, 128): 2.99486}  # fmt: skip
    for (mean, height), paper in tiles.items():
        text = f"tiles of {height} rows of an expert with {mean:g} tokens"
        rows.append(rounded(f"S8.{mean:g}.{height}", text, "1", paper, at(expected_tiles, mean, height, terms=40), 1e-5))
        rows.append(percent(f"S8.{mean:g}.{height}c", "the same in closed form", "1", paper, at(smooth_tiles, mean, height), 0.05))
    for (mean, height), paper in {(4, 16): 0.2547, (16, 16): 0.6973, (4, 128): 0.0318, (128, 128): 0.6773}.items():
        used = at(row_utilisation, mean, height, at(expected_tiles, mean, height, terms=40))
        rows.append(rounded(f"S9.{mean}.{height}", f"rows used, {mean} tokens, tiles of {height}", "1", paper, used, 1e-4))
    fixed, adaptive = (0.0077, 0.0154, 0.0615, 0.1231, 0.4923, 0.9846), (0.0415, 0.0829, 0.3316, 0.6632, 0.9624, 0.9846)
    for m, narrow, best in zip((1, 2, 8, 16, 64, 128), fixed, adaptive, strict=True):
        case = (m, 2048, 1024, 128, 128)
        rows.append(rounded(f"S10.{m}", f"use of a 128 x 128 array by {m} tokens", "1", narrow, at(utilisation, *case), 1e-4))
        rows.append(rounded(f"S11.{m}", "the same of the best shape", "1", best, at(best_adaptive_utilisation, *case), 1e-4))
        rows.append(percent(f"S11.{m}c", "the same, smooth", "1", best, at(smooth_adaptive_utilisation, *case, power=8.0), 0.05))
    rows.append(Row("S11.feed", "feed of 16 x 1024 cells", "TB/s", None, float(at(feed_demand, 1024, 2, 1e9)) / 1e12))
    for peak, paper in ((250, 1.621), (400, 1.013), (989.4, 0.410)):
        ratio = at(fixed_array_ratio, 128, 2.85e12, peak * 1e12, 2, 0.9)
        rows.append(percent(f"S12.{peak:g}", f"compute over memory time of experts, {peak:g} TFLOPS", "1", paper, ratio, 0.001))
    return rows


def mechanism_rows() -> list[Row]:
    """S18 to S21: cache, reads by score, channels, micro-batches."""
    rows = []
    for s, token, few, many, last in ((0.5, 0.456, 0.293, 0.250, 0.323), (1.0, 0.681, 0.364, 0.250, 0.544)):
        p = zipf(64, 8, s)
        hits = {"token": (token, at(token_hit, p, kept=16)), "bytes.16": (few, at(byte_hit, p, 16, kept=16)),
                "bytes.256": (many, at(byte_hit, p, 256, kept=16)), "lru": (last, at(lru_hit, p, kept=16))}  # fmt: skip
        rows += [rounded(f"S18.{s:g}.{name}", f"hit of 16 of 64 experts, Zipf {s:g}", "1", *pair, 0.001) for name, pair in hits.items()]
    low = {(0.25, 0.5): 0.46879, (1, 0.25): 0.16530, (1, 0.5): 0.37754, (4, 0.5): 0.11920, (8, 0.5): 0.01799}
    for (mean, share), paper in low.items():
        text = f"experts with low scores alone, {mean:g} tokens each, {share:.0%} low"
        rows.append(rounded(f"S19.{mean:g}.{share:g}", text, "1", paper, at(low_score_share_per_slot, mean, share), 1e-5))
    for n, exact, law in ((2, 0.6667, 0.639), (8, 0.7853, 0.780), (64, 0.9096, 0.909), (128, 0.9342, 0.934)):
        rows.append(rounded(f"S20.{n}", f"bandwidth of {n} reads over two channel halves", "1", exact, even_odd_efficiency(n), 1e-4))
        rows.append(rounded(f"S20.{n}c", "the same in closed form", "1", law, at(even_odd_estimate, n), 1e-3))
    for e, k, paper in ((128, 8, 1.775), (8, 2, 2.000), (256, 8, 1.468)):
        penalty = at(split_penalty, at(uniform_coverage, e, k, 32), at(uniform_coverage, e, k, 64))
        rows.append(rounded(f"S21.{e}", f"expert bytes of two halves of 64 tokens, {k} of {e}", "1", paper, penalty, 0.001))
    return rows


def rows() -> list[Row]:
    """Every row."""
    return [*coverage_rows(), *straggler_rows(), *parameter_rows(), *array_rows(), *mechanism_rows()]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("The laws of serving a mixture of experts", rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
