"""The A3D-MoE bracket: cells of the reference chain, gradients in every constant, draws, envelope and shares of variance."""

import functools
import itertools
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "experiments"))
from a3d_ablation import CELLS, ablation_rows, bracket_rows, roofline_rows
from a3d_chain import Constants, beside, exact_tiles, gain, overlapped, routing, stacked, step
from a3d_envelope import BANDS, outcome, worked_envelope, worked_rows
from a3d_models import DECODE, MIXED, Batch, Models, read_models
from a3d_ranges import ALL, SOURCED, WORKED, draw, draw_sourced, values
from a3d_sensitivity import elasticities, scales, variance_share

from codesign.performance.operator_fusion import Operation, unfused_time
from codesign.performance.systolic_array import fixed_array_ratio
from codesign.performance.tile_count import smooth_tiles
from codesign.units import unit_factor
from codesign.workload.expert_coverage import uniform_coverage

MODELS = read_models()
CENTRE = Constants(*(jnp.asarray(value, dtype=float) for value in Constants()))
INNER = CENTRE._replace(
    peak=jnp.asarray(330e12), attention_elsewhere=jnp.asarray(0.3), per_expert=jnp.asarray(0.6), softness=jnp.asarray(0.2),
    start=jnp.asarray(2e-6), exponent=jnp.asarray(0.4), correlation=jnp.asarray(0.9), array_rows=jnp.asarray(120.0),
    adaptive_rows=jnp.asarray(17.0),
)  # fmt: skip
"""A point off every kink."""
ONE_EXPERT = Models(*(jnp.full(4, float(x)) for x in (1, 1, 1, 1e6, 0.0, 64, 128, 128, 1)))


@pytest.mark.parametrize("rows", [roofline_rows, lambda: ablation_rows(MODELS), lambda: bracket_rows(MODELS)])
def test_worked_cells(rows):
    missed = [row for row in rows() if not row.within]
    assert not missed


def test_every_cell_is_printed():
    ids = {row.id for row in ablation_rows(MODELS)}
    assert len(ids) == 8 * len(CELLS) + 8


def test_uniform_routing_is_that_of_the_sheet():
    for tokens in (1.0, 16.0, 576.0):
        found = routing(CENTRE, MODELS, Batch(tokens))
        expected = uniform_coverage(MODELS.experts, MODELS.top_k, jnp.asarray(tokens))
        np.testing.assert_allclose(jnp.sum(found.touched, axis=-1), expected, rtol=1e-6)
        np.testing.assert_allclose(jnp.sum(found.experts * found.mean, axis=-1), tokens * MODELS.top_k, rtol=1e-6)


def test_routing_keeps_tokens():
    found = routing(INNER, MODELS, Batch(8.0, 32.0))
    np.testing.assert_allclose(jnp.sum(found.experts * found.mean, axis=-1), 40 * MODELS.top_k, rtol=1e-6)


def test_overlap():
    pair = jnp.asarray([100.0, 3.0, 0.0, 5.0]), jnp.asarray([60.0, 3.0, 2.0, 0.0])
    apart = [overlapped(*pair, softness) for softness in (0.0, 0.1, 0.5, 1.0)]
    assert all(bool(jnp.all(b >= a)) for a, b in itertools.pairwise(apart))
    np.testing.assert_allclose(apart[0], unfused_time([Operation(*pair, jnp.zeros(4))]))
    np.testing.assert_allclose(apart[-1], pair[0] + pair[1])


def test_signs():
    routed = routing(CENTRE, MODELS, MIXED)

    def found(system):
        return step(CENTRE, system, MODELS, MIXED, routed)

    at, more, dearer = (found(beside(CENTRE)._replace(**change)) for change in ({}, {"bandwidth": 3e12}, {"byte_energy": 1e-10}))
    assert bool(jnp.all(more.time <= at.time))
    assert bool(jnp.all(dearer.energy > at.energy))
    assert bool(jnp.all(found(stacked(CENTRE)).time <= found(stacked(CENTRE)._replace(fused=0.0)).time))


@functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
def cost_along(constants, direction, batch, models):
    """A mix of the logarithms of all gains, and its derivative in a direction of the constants."""

    def cost(c):
        found = gain(c, stacked(c), models, batch, smooth_tiles)
        return jnp.sum(jnp.log(found.time)) + 0.7 * jnp.sum(jnp.log(found.energy))

    return jax.jvp(cost, (constants,), (direction,))


def slope(name, constants, batch=MIXED, models=MODELS):
    """Value and derivative by one constant."""
    direction = Constants(*(float(field == name) for field in Constants._fields))
    return cost_along(*jax.tree.map(lambda leaf: np.asarray(leaf, dtype=float), (constants, direction, batch, models)))


@pytest.mark.parametrize("name", Constants._fields)
def test_gradients_are_finite_differences(name):
    scale, value = getattr(scales(INNER), name), getattr(INNER, name)
    low, high = (slope(name, INNER._replace(**{name: value + sign * 1e-5 * scale}))[0] for sign in (-1, 1))
    assert float(slope(name, INNER)[1] * scale) == pytest.approx(float(high - low) / 2e-5, rel=1e-4, abs=1e-7)


CORNERS = {
    "no tokens": (CENTRE, Batch(0.0), MODELS),
    "one token": (CENTRE, Batch(1.0), MODELS),
    "a prompt alone": (CENTRE, Batch(0.0, 64.0), MODELS),
    "one expert": (CENTRE, Batch(4.0), ONE_EXPERT),
    "nothing reduced": (CENTRE._replace(low_share=jnp.asarray(0.0), per_expert=jnp.asarray(0.0)), DECODE, MODELS),
    "all low": (CENTRE._replace(low_share=jnp.asarray(1.0), per_expert=jnp.asarray(0.0)), DECODE, MODELS),
    "no cache, no power": (CENTRE._replace(static_power=jnp.asarray(0.0)), Batch(8.0, 0.0, 0.0), MODELS),
    "no overlap": (CENTRE._replace(softness=jnp.asarray(1.0), exponent=jnp.asarray(1.0)), MIXED, MODELS),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_gradients_at_corners(corner):
    assert np.all(np.isfinite([slope(name, *CORNERS[corner]) for name in Constants._fields]))


def test_elasticities():
    names = ("energy_beside",)
    found = elasticities(INNER, MODELS, names)
    for name in names:
        value = getattr(INNER, name)
        low, high = (outcome(INNER._replace(**{name: value * (1 + sign * 1e-5)}), MODELS) for sign in (-1, 1))
        for kind in BANDS:
            difference = jnp.log(getattr(high, kind) / getattr(low, kind)) / 2e-5
            assert float(getattr(found[name], kind)) == pytest.approx(float(difference), rel=1e-4, abs=1e-7)


def test_ranges_hold_their_defaults():
    for entry in [*WORKED.values(), *ALL.values(), *(entry for ranges in SOURCED for entry in ranges.values())]:
        assert entry.low <= entry.default <= entry.high
        assert entry.source
        drawn = values(entry, np.linspace(0, 1 - 1e-9, 50)) / unit_factor(entry.unit)[0]
        assert drawn.min() >= entry.low * (1 - 1e-9)
        assert drawn.max() <= entry.high * (1 + 1e-9)
    assert set(ALL) - {"r0"} == set(Constants._fields) - {"peak"}


def test_draws_repeat_and_have_the_ratio_they_say():
    drawn, again = draw_sourced(64, 3), draw_sourced(64, 3)
    assert all(np.array_equal(drawn[name], again[name]) for name in drawn)
    ratio = fixed_array_ratio(drawn["array_rows"], drawn["bandwidth"], drawn["peak"], 2.0, drawn["array_efficiency"])
    np.testing.assert_allclose(ratio, drawn["r0"])
    assert not np.array_equal(draw(WORKED, 64, 3)["r0"], draw(WORKED, 64, 4)["r0"])


def test_worked_envelope():
    envelope = worked_envelope(MODELS, 1 << 13)
    assert all(row.within for row in worked_rows(envelope))
    for i in (0, 5):
        constants = Constants()._replace(**{name: values[i] for name, values in envelope.drawn.items() if name != "r0"})
        np.testing.assert_allclose([found[i] for found in envelope.found], outcome(constants, MODELS), rtol=1e-9)


@pytest.mark.parametrize("constants", [CENTRE, INNER])
def test_closed_form_of_tiles_changes_gains_little(constants):
    np.testing.assert_allclose(outcome(constants, MODELS, smooth_tiles), outcome(constants, MODELS), rtol=0.005)


@pytest.mark.parametrize(("weights", "shares"), [((2.0, 1.0, 0.0), (0.8, 0.2, 0.0)), ((1.0, 0.0, 1.0), (0.25, 0.0, 0.75))])
def test_variance_shares(weights, shares):
    generator = np.random.default_rng(0)
    even, other = generator.random((2, 20_000))
    choice = (generator.random(20_000) > 0.5).astype(float)
    gains = weights[0] * even + weights[1] * other + weights[2] * choice
    for values_of, share in zip((even, other, choice), shares, strict=True):
        assert variance_share(values_of, gains) == pytest.approx(share, abs=0.01)


def test_exact_tiles_count_enough_terms():
    mean, rows = 144.0, 16
    counts = np.arange(400)
    poisson = np.exp(counts * np.log(mean) - mean - np.cumsum(np.log(np.maximum(counts, 1))))
    assert float(exact_tiles(jnp.asarray(mean), jnp.asarray(float(rows)))) == pytest.approx(np.sum(poisson * -(-counts // rows)), rel=1e-9)
