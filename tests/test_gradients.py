"""Are gradients exact, and finite at every corner of every study?"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import BASES, ONE_WORK, changed, changed_where_there

from codesign.design import with_values
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.mapping.schedule import Schedule
from codesign.performance import collectives
from codesign.sensitivity import continuous_leaves, elasticities
from codesign.topology.endpoints import Group, Tier
from codesign.workload.routing import distinct_destinations

METRICS = ("step_time", "energy_per_step", "capital_cost")
STEP = 1e-5
BEND = 4e-3
"""Difference of the one-sided slopes above which there is a kink; the yield of 26 bonds in a row bends half as much."""
RULES_AT_A_KINK = ("recompute_core", "recompute_dense", "recompute_experts", "recompute_layer")
"""Recomputations whose maximum has two equal sides at 0 and at 1."""
KINKS = {
    "oversubscription",  # none
    "tensor_overlap", "expert_overlap", "context_overlap", "gradient_overlap",  # traffic that is just hidden, or not at all
    "attention_share",  # causal scores
    "granularity",  # whole experts
}  # fmt: skip
"""Numbers that shipped designs have at a corner of the model."""
INSIDE = {
    "deferred_weights": 0.4, "bidirectional": 0.3, "kernel_detail": 0.8, "sequence_parallel": 0.8, "tensor_overlap": 0.1,
    "context_overlap": 0.15, "context_all_to_all": 0.35, "expert_overlap": 0.12, "exchange_processors": 0.1, "send_overlap": 0.5,
    "gradient_overlap": 0.2, "split_groups": 0.7, "deduplicate": 0.6, "relay": 0.4, "fused_attention": 0.6, "fused_loss": 0.4,
    "dropout": 0.7, "recompute_core": 0.55, "recompute_up": 0.3, "recompute_experts": 0.35, "recompute_dense": 0.4,
    "recompute_layer": 0.2, "offload": 0.25, "scatter_each": 0.5,
}  # fmt: skip
"""Every rule part way between its ends, so that all parts of the model have a share and no maximum has two equal sides."""
OFF_THE_KINKS = {f"mapping.schedule.{rule}": share for rule, share in INSIDE.items()} | {
    "cluster.fabric.oversubscription": 1.3,
    "workload.training.attention_share": 0.6,
    "workload.training.expert_imbalance": 1.2,
    "workload.training.precision.share_8bit": 0.4,
    "workload.training.precision.share_4bit": 0.3,
    "workload.model.granularity": 1.3,
}


def _differences(base, steps):
    """Central difference of each log metric per relative change, and how far the one-sided ones differ."""
    low = {path: value - step for path, (_, value, step) in steps.items()}
    high = {path: value + step for path, (_, value, step) in steps.items()}
    metrics = cases.sweep(base, low, high)
    logs = np.log(np.stack([getattr(metrics, name) for name in METRICS]))
    middle, below, above = logs[:, :1], logs[:, 1 : 1 + len(steps)], logs[:, 1 + len(steps) :]
    return (above - below) / (2 * STEP), np.abs(above + below - 2 * middle) / STEP


@pytest.mark.parametrize(("change", "allowed"), [({}, {*KINKS, *RULES_AT_A_KINK}), (OFF_THE_KINKS, set())], ids=["as shipped", "inside"])
@pytest.mark.parametrize("name", BASES)
def test_every_slope_is_a_central_difference(name, change, allowed):
    base = changed_where_there(cases.point(name), change)
    steps = cases.steps(base, STEP)
    central, bend = _differences(base, steps)
    assert np.isfinite(central).all()

    def logs(values):
        metrics = evaluate(*with_values(*base, values))
        return tuple(jnp.log(getattr(metrics, n)) for n in METRICS)

    _, pull = jax.vjp(logs, {path: jnp.asarray(value) for path, (_, value, _) in steps.items()})
    (each,) = jax.vmap(pull)(tuple(jnp.eye(len(METRICS))))
    slopes = [{path: values[row] for path, values in each.items()} for row in range(len(METRICS))]
    kinks = {path for column, path in enumerate(steps) if bend[:, column].max() > BEND}
    for column, (path, (_, _, step)) in enumerate(steps.items()):
        for row, metric in enumerate(METRICS):
            assert np.isfinite(slopes[row][path]), (metric, path)
            if path not in kinks:
                assert float(slopes[row][path]) * step / STEP == pytest.approx(central[row, column], rel=1e-6, abs=1e-8), (metric, path)
    assert {path.rsplit(".", 1)[-1] for path in kinks} <= allowed, kinks


def test_every_rule_of_the_schedule_is_part_way_somewhere():
    rules = {name for name, declared in quantities(Schedule).items() if not declared.whole}
    assert rules == {*INSIDE, "bubble", "gradient_traffic"}


def test_elasticities_are_scaled_slopes_and_ranked():
    base = changed(cases.point("qwen3"), {"cluster.device.scale_up.link.energy_serdes": 0})
    found = elasticities(*base, ("time_to_train", "facility_power"))
    for row in found.values():
        assert [abs(v) for v in row.values()] == sorted((abs(v) for v in row.values()), reverse=True)
        assert set(row) == set(continuous_leaves(*base))
    assert found["time_to_train"]["workload.training.tokens"] == pytest.approx(1)
    assert found["facility_power"]["cluster.facility.power_usage_effectiveness"] == pytest.approx(1)
    assert found["facility_power"]["cluster.device.scale_up.link.energy_serdes"] == 0


DOUBLE = ("mixnet",)
"""Studies also taken in double precision: the search works in single precision, and every sample costs up to a minute."""


@pytest.mark.parametrize(("name", "dtype"), [*((name, "float32") for name in ONE_WORK), *((name, "float64") for name in DOUBLE)])
def test_gradients_are_finite_at_the_corners_of_every_box(name, dtype):
    sample = cases.search_sample(name, dtype)
    for kind, values in sample.items():
        assert values.dtype == dtype
        assert np.isfinite(values).all(), kind
    assert np.abs(sample["violations"]).max() <= 1
    assert np.abs(sample["d_objectives"]).max(axis=(1, 2)).all(), "a variable moves no objective"


COLLECTIVES = [f for name, f in vars(collectives).items() if name.endswith("_time")]


@pytest.mark.parametrize("function", COLLECTIVES, ids=lambda f: f.__name__)
def test_collectives_have_exact_gradients(function):
    relayed = (lambda size: (size, 0.7 * size)) if "relayed" in function.__name__ else (lambda size: (size,))

    def seconds(v):
        return function(*relayed(v[0]), Group(v[1], v[2], 1.0), Tier(v[3], v[4]), Tier(v[5], v[6]))

    sizes = [(1, 1), (8, 1), (8, 8), (8, 4), (64, 16), (7.3, 2.9)]
    points = jnp.array([[s, n, p, 4e12, 2e-7, 5e10, 5e-6] for n, p in sizes for s in (0.0, 1e3, 1e9)])
    slopes = jax.vmap(jax.grad(seconds))(points)
    scale = jnp.where(points == 0, 1.0, points)
    nudge = STEP * jnp.eye(7)[None] * scale[:, :, None]
    up, down = (jax.vmap(jax.vmap(seconds))(points[:, None] + sign * nudge) for sign in (1, -1))
    middle = jax.vmap(seconds)(points)[:, None]
    smooth = jnp.abs(up + down - 2 * middle) <= 1e-3 * jnp.abs(up - down) + 1e-18
    assert jnp.isfinite(slopes).all()
    error = jnp.abs(slopes * scale - (up - down) / (2 * STEP)) / (middle + jnp.abs(slopes * scale) + 1e-12)
    assert jnp.where(smooth, error, 0).max() < 1e-6
    assert smooth[6:].mean() > 0.9


def test_routing_has_exact_gradients_and_finite_ones_at_the_edges():
    slopes_at = jax.jit(jax.vmap(jax.value_and_grad(lambda v: distinct_destinations(v[0], v[1], v[2]))))
    edges = [[0, 1, 0], [8, 1, 2], [8, 8, 8], [8, 2, 4], [8, 1, 8], [1, 1, 1], [32, 32, 0]]
    inside = [[256, 64, 8], [32, 8, 2], [128, 16, 8], [64, 64, 4], [40.5, 6.2, 3.3], [2048, 512, 64]]
    points = np.array([*edges, *inside], dtype=float)
    values, slopes = slopes_at(points)
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(values[: len(edges)], [0, 1, 8, 2 * (1 - 1 / 70), 1, 1, 0], atol=1e-9)
    for column in range(3):
        factor = 1 + 1e-4 * np.eye(3)[column]
        central = (slopes_at(points * factor)[0] - slopes_at(points * (2 - factor))[0]) / 2e-4
        np.testing.assert_allclose((slopes * points)[len(edges) :, column], central[len(edges) :], rtol=3e-5, atol=1e-6)


def test_routing_has_no_jump_between_whole_numbers():
    ranks = jnp.linspace(1.0, 8.0, 7001)
    copies = distinct_destinations(jnp.asarray(8.0), ranks, jnp.asarray(2.0))
    assert jnp.abs(jnp.diff(copies)).max() < 0.01
    assert jnp.diff(copies).min() >= 0


@pytest.mark.parametrize("degree", ["tp", "ep", "etp", "cp", "pp", "dp"])
def test_a_group_of_one_has_finite_slopes(degree):
    base = cases.mapped(cases.point("qwen3"), **{degree: 1})

    def time(value):
        return evaluate(*with_values(*base, {f"mapping.{degree}": value})).step_time

    slope = jax.grad(time)(jnp.asarray(1.0))
    assert jnp.isfinite(slope)
    assert slope != 0


@pytest.mark.parametrize("name", DOUBLE)
def test_single_precision_is_close_to_double(name):
    single, double = (cases.search_sample(name, dtype) for dtype in ("float32", "float64"))
    np.testing.assert_allclose(single["violations"], double["violations"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(single["objectives"], double["objectives"], atol=1e-4, rtol=0)
