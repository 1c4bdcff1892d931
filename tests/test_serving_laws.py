"""Do the laws of serving agree with draws, with their oracles and with their own slopes?"""

import functools
import math
import sys
from collections import OrderedDict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import ROOT

from codesign.performance.expert_cache import byte_hit, characteristic_time, lru_hit, token_hit
from codesign.performance.operator_fusion import Operation, fused_time, fusion_time, split_penalty, unfused_time
from codesign.performance.score_reads import even_odd_efficiency, even_odd_estimate, low_score_share_per_slot, traffic_factor
from codesign.performance.straggler import normal_maximum, poisson_straggler, skew_factor, straggler
from codesign.performance.systolic_array import array_cycles, best_adaptive_utilisation, smooth_adaptive_utilisation, utilisation
from codesign.performance.tile_count import expected_tiles, row_utilisation, smooth_tiles
from codesign.workload.expert_coverage import (
    balanced_coverage,
    coverage,
    effective_tokens,
    uniform_coverage,
)
from codesign.workload.popularity import strata, zipf_probabilities

sys.path.insert(0, str(ROOT / "experiments"))
import serving_laws
from serving_laws import at, touched_in_strata, zipf

EXPONENTS = np.array([0.0, 0.3, 0.75, 1.0, 1.2])
TOP_K = np.array([1.0, 2.0, 5.0, 8.0])
BATCHES = np.array([1.0, 2, 3, 10, 30, 100, 300, 1e3, 1e4, 1e5])


def _rng(seed=0):
    return np.random.default_rng(seed)


def _bisected_zipf(experts, top_k, exponent):
    """p (..., E) by bisection in the logarithm of c."""
    popularity = np.arange(1.0, experts + 1) ** -np.asarray(exponent)[..., None]
    k = np.broadcast_to(np.minimum(top_k, experts), popularity.shape[:-1])[..., None]
    low, high = np.full(k.shape, -30.0), np.full(k.shape, 30.0)
    for _ in range(80):
        middle = (low + high) / 2
        above = np.minimum(1, np.exp(middle) * popularity).sum(-1, keepdims=True) > k
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.minimum(1, np.exp(high) * popularity)


def test_every_oracle_is_met():
    rows = serving_laws.rows()
    assert len({row.id for row in rows}) == len(rows)
    assert not [row for row in rows if row.within is False]
    assert sum(row.within is True for row in rows) > 90


@pytest.mark.parametrize(("experts", "top_k", "exponent"), [(1, 1, 0.5), (24, 24, 1), (24, 2, 0), (24, 11.5, 1.2), (256, 8, 0.9)])
def test_zipf_solves_its_equation(experts, top_k, exponent):
    p = zipf(experts, top_k, exponent)
    np.testing.assert_allclose(p, _bisected_zipf(experts, top_k, exponent), rtol=1e-9)
    assert float(jnp.sum(p)) == pytest.approx(top_k)


@pytest.mark.parametrize("experts", [8, 16, 60, 64, 128, 256, 384, 512, 1024])
def test_strata_touch_as_many_experts_as_the_vector(experts):
    grid = [(k, s) for k in TOP_K for s in EXPONENTS]
    touched = np.array([[at(touched_in_strata, experts, k, s, t) for t in BATCHES] for k, s in grid])
    missed = np.log1p(-np.minimum(_bisected_zipf(experts, *np.array(grid).T), 1 - 1e-12))
    exact = -np.expm1(BATCHES[:, None] * missed[:, None]).sum(axis=-1)
    np.testing.assert_allclose(touched, exact, rtol=1e-3 if experts <= 512 else 2e-3)
    np.testing.assert_allclose(touched[:, 0], np.minimum([k for k, _ in grid], experts), rtol=1e-6)


@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (8, 2), (60.5, 8)])
def test_strata_are_ordered_and_hold_every_expert(experts, top_k):
    weights, probabilities = map(np.array, at(strata, experts, top_k, 0.9))
    assert (np.diff(probabilities) <= 0).all()
    assert weights.sum() == pytest.approx(experts)
    assert weights @ probabilities == pytest.approx(top_k)


@pytest.mark.parametrize(("experts", "top_k"), [(0.0, 0.0), (1.0, 1.0), (2.5, 1.0), (4.0, 4.0), (8.0, 2.0), (128.0, 8.0)])
def test_uniform_strata_are_exact(experts, top_k):
    for tokens in BATCHES:
        same = float(at(uniform_coverage, experts, top_k, tokens))
        assert float(at(touched_in_strata, experts, top_k, 0, tokens)) == pytest.approx(same, rel=1e-6, abs=1e-12)


def test_coverage_against_draws():
    p = zipf(24, 3, 0.8)
    tokens, draws = 9, 4000
    seen = (_rng().random((draws, tokens, 24)) < np.asarray(p)).any(axis=1).sum(axis=-1)
    assert float(at(coverage, p, tokens)) == pytest.approx(seen.mean(), abs=4 * seen.std() / math.sqrt(draws))


@pytest.mark.parametrize(("experts", "top_k"), [(1, 1), (8, 2), (64, 8), (256, 8)])
def test_coverage_stays_below_its_bounds_and_rises(experts, top_k):
    tokens = np.geomspace(1, 1e5, 60)
    most = np.array([at(balanced_coverage, experts, top_k, t) for t in tokens])
    for law, numbers in ((uniform_coverage, (experts, top_k)), (touched_in_strata, (experts, top_k, 0.9))):
        touched = np.array([at(law, *numbers, t) for t in tokens])
        assert (touched <= most * (1 + 1e-12)).all()
        assert (np.diff(touched) >= 0).all()
    independent = np.array([at(effective_tokens, t, 0.7) for t in [0, 0.5, *tokens]])
    assert (independent <= [0, 0.5, *tokens]).all()


@pytest.mark.parametrize("ranks", [1, 2, 8, 32, 128, 320])
def test_straggler_against_draws(ranks):
    per_rank = np.array([0.1, 0.3, 1, 2, 4, 16, 64])
    slots = np.maximum(np.round(per_rank * ranks), 1)
    seen = [_rng(7).multinomial(int(n), np.full(ranks, 1 / ranks), size=2000).max(axis=1).mean() / (n / ranks) for n in slots]
    np.testing.assert_allclose(at(straggler, slots / ranks, ranks), seen, rtol=0.07)


def test_exact_straggler_against_draws_of_poisson():
    slots = np.array([0.5, 3.0, 20.0])
    seen = _rng(1).poisson(slots[:, None, None], size=(3, 4000, 16)).max(axis=-1).mean(axis=-1) / slots
    np.testing.assert_allclose([at(poisson_straggler, x, 16, terms=480) for x in slots], seen, rtol=0.015)


@pytest.mark.parametrize("ranks", [1.0, 1.5, 4.0, 72.0, 320.0, 4096.0])
def test_straggler_is_between_one_and_all_ranks(ranks):
    slots = np.geomspace(1e-9, 1e5, 300)
    phi = np.asarray(at(straggler, slots, ranks))
    assert (phi >= 1).all()
    assert (phi <= ranks).all()
    assert (np.diff(phi) <= 1e-12).all()
    assert (np.diff(phi * slots) >= -1e-9).all(), "more slots, more work for the busiest"
    assert ranks > 1 or (phi == 1).all()


def test_expected_maximum_of_normals():
    seen = [_rng(3).standard_normal((20000, n)).max(axis=1).mean() for n in (2, 8, 50)]
    np.testing.assert_allclose(normal_maximum(jnp.asarray([1.0, 2, 8, 50])), [0, *seen], rtol=0.06, atol=1e-12)


@pytest.mark.parametrize("replicas", [1.0, 2.0])
def test_skew_against_a_large_batch(replicas):
    p = np.asarray(zipf(24, 4, 0.7))
    copies = np.where(np.arange(24) == 0, replicas, 1.0)
    loads = (_rng(5).binomial(1_000_000, p) / copies).reshape(8, 3).sum(axis=1)
    expected = loads.max() / (4e6 / 8)
    assert float(at(skew_factor, p, copies, ranks=8)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("rows", [1, 2, 16, 64, 128, 256])
def test_tiles_against_draws_and_in_closed_form(rows):
    means = np.geomspace(1e-6, 12 * rows, 60)
    drawn = np.ceil(_rng(2).poisson(means[:, None], size=(60, 3000)) / rows)
    exact, smooth = np.array([(at(expected_tiles, m, rows, terms=40), at(smooth_tiles, m, rows)) for m in means]).T
    assert (np.abs(exact - drawn.mean(axis=1)) <= 4.5 * drawn.std(axis=1).clip(0.1) / math.sqrt(3000)).all()
    np.testing.assert_allclose(smooth, exact, rtol=0.03)
    assert (np.diff(smooth) >= -1e-12).all()
    used = row_utilisation(*map(jnp.asarray, (means, float(rows), exact)))
    assert ((used > 0) & (used <= 1 + 1e-9)).all()


def _best_by_hand(tokens, depth, columns, rows, wide):
    shapes = [(rows >> i, wide << i) for i in range(rows.bit_length())]
    cycles = [math.ceil(depth / r) * math.ceil(columns / c) * max(tokens, r) + r + c for r, c in shapes]
    return tokens * depth * columns / (min(cycles) * rows * wide)


@pytest.mark.parametrize("case", [(1, 2048, 1024, 128, 128), (40, 768, 2048, 64, 256), (300, 4096, 14336, 128, 128), (3, 100, 70, 1, 32)])
def test_arrays_against_a_count(case):
    tokens, depth, columns, rows, wide = case
    cycles = math.ceil(depth / rows) * math.ceil(columns / wide) * max(tokens, rows) + rows + wide
    assert float(at(array_cycles, *case)) == cycles
    best = float(at(best_adaptive_utilisation, *case))
    assert best == pytest.approx(_best_by_hand(*case))
    assert float(at(utilisation, *case)) <= best <= 1
    assert 0.9 * best <= float(at(smooth_adaptive_utilisation, *case, power=8.0)) <= best


def test_least_recently_used_against_a_simulated_cache():
    p = zipf(24, 1, 1)
    cache, hits, choices = OrderedDict(), 0, _rng(4).choice(24, size=30000, p=np.asarray(p / p.sum()))
    for expert in choices.tolist():
        hits += expert in cache
        cache[expert] = True
        cache.move_to_end(expert)
        if len(cache) > 6:
            cache.popitem(last=False)
    assert float(at(lru_hit, p, kept=6)) == pytest.approx(hits / 30000, abs=0.01)
    assert float(jnp.sum(-jnp.expm1(-p * at(characteristic_time, p, kept=6)))) == pytest.approx(6)


def test_caches_at_their_ends_and_in_order():
    p = zipf(64, 8, 0.9)
    token, last = ([float(at(law, p, kept=kept)) for kept in (0, 16, 63, 64)] for law in (token_hit, lru_hit))
    few, many = ([float(at(byte_hit, p, tokens, kept=kept)) for kept in (0, 16, 64)] for tokens in (1, 500))
    assert [hits[0] for hits in (token, last, few, many)] == [0, 0, 0, 0]
    assert [hits[-1] for hits in (token, last, few, many)] == [1, 1, 1, 1]
    assert 0 < last[1] < token[1]
    assert 0 < last[2] < token[2], "the most popular are the best to keep"
    assert few[1] == pytest.approx(token[1], rel=1e-6)
    assert 0.25 - 1e-9 <= many[1] <= few[1]


@pytest.mark.parametrize(("mean", "share"), [(0.1, 0.5), (1.0, 0.25), (3.0, 0.8)])
def test_low_scores_against_draws(mean, share):
    tokens = _rng(6).poisson(mean, 200_000)
    tokens = tokens[tokens > 0]
    low = _rng(8).binomial(tokens, share) == tokens
    assert float(at(low_score_share_per_slot, mean, share)) == pytest.approx(low.mean(), abs=0.01)


def test_low_scores_at_their_ends():
    few = [0.0, 1e-9, 1e-3, 1e-2 - 1e-9, 1e-2 + 1e-9]
    np.testing.assert_allclose([at(low_score_share_per_slot, m, 0.3) for m in few], 0.3, rtol=4e-3)
    assert float(at(low_score_share_per_slot, 1e4, 0.3)) == 0
    assert float(at(low_score_share_per_slot, 1e4, 1)) == pytest.approx(1)
    assert float(at(low_score_share_per_slot, 0, 0)) == 0
    assert float(traffic_factor(jnp.asarray(0.5), jnp.asarray(0.3))) == pytest.approx(0.85)


def test_channel_halves_against_draws():
    for n in (1, 3, 8, 65):
        even = _rng(9).binomial(n, 0.5, size=40000)
        assert even_odd_efficiency(n) == pytest.approx(1 / (1 + np.abs(2 * even - n).mean() / n), abs=0.005)
        assert float(even_odd_estimate(jnp.asarray(float(n)))) == pytest.approx(even_odd_efficiency(n), rel=0.12 / n)
    assert even_odd_efficiency(0) == 1


@pytest.mark.parametrize("seed", range(3))
def test_fusion_never_takes_longer(seed):
    operations = [Operation(*(jnp.asarray(x) for x in row)) for row in _rng(seed).exponential(size=(4, 3))]
    alone, together = unfused_time(operations), fused_time(operations, jnp.asarray(1.0))
    busiest = np.asarray(operations).sum(axis=0).max()
    assert float(together) == pytest.approx(busiest)
    assert float(alone) == pytest.approx(np.asarray(operations).max(axis=1).sum())
    assert together <= alone
    for efficiency in (0.2, 0.92):
        eta = jnp.asarray(efficiency)
        assert fusion_time(operations, eta) == min(alone, fused_time(operations, eta))
    assert fused_time(operations[:1], jnp.asarray(1.0)) == unfused_time(operations[:1])


def test_split_penalty_is_between_one_and_two():
    tokens = (0.0, 1e-6, 2.0, 64.0, 4096.0)
    penalty = [float(at(split_penalty, at(uniform_coverage, 128, 8, t / 2), at(uniform_coverage, 128, 8, t))) for t in tokens]
    np.testing.assert_allclose((penalty[0], penalty[1], penalty[4]), (1, 1, 2), rtol=1e-4)
    assert (np.diff(penalty) >= -1e-6).all()


def _covered(k, s, tokens):
    return coverage(zipf_probabilities(16, k, s), tokens)


def _bytes_hit(k, s, tokens):
    return byte_hit(zipf_probabilities(16, k, s), tokens, 4)


def _last_used(k, s):
    return lru_hit(zipf_probabilities(16, k, s), 4)


def _busiest(slots, ranks):
    return poisson_straggler(slots, ranks, 80)


def _tiles(mean):
    return expected_tiles(mean, jnp.asarray(16.0), 40)


def _smooth_array(tokens):
    return smooth_adaptive_utilisation(tokens, *map(jnp.asarray, (2048.0, 1024.0, 128.0, 128.0)), power=8.0)


def _operation_time(compute, memory, network, efficiency):
    return fusion_time([Operation(compute, memory, network), Operation(memory, compute, network)], efficiency)


SLOPES = {
    "uniform, one token": (uniform_coverage, (128.0, 8.0, 1.0), 1),
    "uniform, no token": (uniform_coverage, (128.0, 8.0, 0.0), 1),
    "strata, one token": (touched_in_strata, (60.5, 8.0, 0.5, 1.0), 1),
    "strata, no token": (touched_in_strata, (60.5, 8.0, 0.0, 0.0), 1),
    "strata, s = 1": (touched_in_strata, (128.0, 7.5, 1.0, 40.0), 1),
    "vector, s = 1": (_covered, (3.0, 1.0, 20.0), 1),
    "vector, capped": (_covered, (7.5, 1.1, 3.0), 1),
    "correlated": (effective_tokens, (5.0, 0.9), 1),
    "straggler": (straggler, (3.0, 32.0), 1),
    "straggler, few": (straggler, (0.1, 72.0), 1),
    "exact straggler": (_busiest, (3.0, 8.0), 1),
    "tiles": (_tiles, (20.0,), 1),
    "tiles, no token": (_tiles, (0.0,), 1),
    "smooth tiles": (smooth_tiles, (20.0, 16.0), 1),
    "smooth tiles, no token": (smooth_tiles, (0.0, 16.0), 1),
    "cache, bytes": (_bytes_hit, (3.0, 0.7, 5.0), 1),
    "cache, last used": (_last_used, (3.0, 0.7), 1),
    "low score": (low_score_share_per_slot, (2.0, 0.5), 1),
    "low score, no token": (low_score_share_per_slot, (0.0, 0.5), 1),
    "low score, none": (low_score_share_per_slot, (2.0, 0.0), 1),
    "low score, all": (low_score_share_per_slot, (2.0, 1.0), -1),
    "array": (_smooth_array, (40.0,), 1),
    "fusion": (_operation_time, (1.0, 2.0, 0.0, 0.9), 1),
}
CORNERS = {
    "uniform, one expert": (uniform_coverage, (1.0, 1.0, 1.0)),
    "uniform, all chosen": (uniform_coverage, (8.0, 8.0, 0.5)),
    "strata, dense": (touched_in_strata, (0.0, 0.0, 0.5, 4.0)),
    "strata, one expert": (touched_in_strata, (1.0, 1.0, 0.5, 1.0)),
    "strata, all chosen": (touched_in_strata, (8.0, 8.0, 0.0, 0.0)),
    "vector, all chosen": (_covered, (16.0, 0.0, 1.0)),
    "correlated, no token": (effective_tokens, (0.0, 0.9)),
    "correlated, one token": (effective_tokens, (1.0, 0.9)),
    "straggler, one rank": (straggler, (4.0, 1.0)),
    "straggler, no slot": (straggler, (0.0, 32.0)),
    "exact straggler, no slot": (_busiest, (0.0, 32.0)),
    "smooth tiles, no token": (smooth_tiles, (0.0, 1.0)),
    "rows used, no token": (row_utilisation, (0.0, 16.0, 0.0)),
    "cache, no token": (_bytes_hit, (3.0, 0.7, 0.0)),
    "cache, last used, few experts": (_last_used, (3.0, 5.0)),
    "low score, nothing": (low_score_share_per_slot, (0.0, 0.0)),
    "channels, none": (even_odd_estimate, (0.0,)),
    "array, no token": (best_adaptive_utilisation, (0.0, 2048.0, 1024.0, 128.0, 128.0)),
    "smooth array, no token": (_smooth_array, (0.0,)),
    "split, no token": (split_penalty, (0.0, 0.0)),
    "fusion, no work": (_operation_time, (0.0, 0.0, 0.0, 0.9)),
}

HOT = (touched_in_strata, effective_tokens, straggler, low_score_share_per_slot)
"""What a search evaluates, in single precision."""


@functools.cache
def _moved(function):
    """Value and slope along a direction, one program for all directions."""
    return jax.jit(lambda at, along: jax.jvp(function, at, along))


def _value_and_slopes(function, numbers, dtype=float):
    numbers = [jnp.asarray(number, dtype=dtype) for number in numbers]
    moved = [_moved(function)(numbers, list(unit)) for unit in np.eye(len(numbers), dtype=numbers[0].dtype)]
    return float(moved[0][0]), np.array([slope for _, slope in moved])


@pytest.mark.parametrize("name", SLOPES)
def test_slopes_are_those_of_differences(name):
    function, numbers, side = SLOPES[name]
    steps = side * 1e-5 * np.maximum(np.abs(numbers), 0.1)
    values = [[_value_and_slopes(function, numbers + i * move)[0] for i in range(3)] for move in np.diag(steps)]
    differences = np.array(values) @ (-1.5, 2.0, -0.5) / steps
    np.testing.assert_allclose(_value_and_slopes(function, numbers)[1], differences, rtol=2e-4, atol=1e-7)


@pytest.mark.parametrize("name", CORNERS)
def test_corners_are_finite(name):
    for dtype in (jnp.float64, jnp.float32) if CORNERS[name][0] in HOT else (jnp.float64,):
        value, slopes = _value_and_slopes(*CORNERS[name], dtype)
        assert np.isfinite(value)
        assert np.isfinite(slopes).all()
