"""Which laws does every design obey, whatever its numbers?"""

import cases
import numpy as np
import pytest
from cases import BASES, POINTS, RESOURCES, as_built, changed, changed_where_there, mapped, multiplied, scheduled

from codesign.constraints import CONSTRAINTS, records
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.objectives import OBJECTIVES
from codesign.units import unit_factor

COMMUNICATION = {
    "tensor parallel", "expert tensor parallel", "all-to-all", "context parallel", "pipeline send", "gradient traffic"
}  # fmt: skip
BYTES, SECONDS, JOULES, DOLLARS, FLOPS = (unit_factor(u)[1].index(1) for u in ("B", "s", "J", "$", "FLOP"))
RULES_THAT_SHORTEN = {
    "matrix_efficiency", "efficiency", "attention_efficiency", "sustained_clock", "tensor_overlap", "context_overlap", "expert_overlap",
    "send_overlap", "gradient_overlap",
}  # fmt: skip
FREE_SHARES = {"share_8bit", "share_4bit"}
RULES_THAT_LENGTHEN = {
    "bubble", "gradient_traffic", "recompute_core", "recompute_layer", "recompute_up", "recompute_dense", "recompute_experts",
    "expert_imbalance", "attention_share",
}  # fmt: skip
SHARES_ONLY = {"test_and_assembly", "price_over_cost", "power_usage_effectiveness", "edge_utilisation", "usable_capacity"}
COOL_MEMORY = {"cluster.device.package.cooling.refresh_temperature": 200 * unit_factor("degC")[0]}
"""Memory that is never refreshed twice as often: else all that warms it moves every step."""
NO_LATENCY = dict.fromkeys(
    (
        "cluster.pod.network.switch.latency", "cluster.pod.network.hop_latency", "cluster.fabric.switch.latency",
        "cluster.fabric.hop_latency", "cluster.fabric.circuit.delay", "cluster.facility.launch_time",
    ),
    0,
)  # fmt: skip


@pytest.fixture(scope="module", params=POINTS)
def any_point(request):
    return as_built(cases.point(request.param))


@pytest.fixture(scope="module", params=BASES)
def base(request):
    return as_built(cases.point(request.param))


def _terms(point):
    return {name: float(seconds) for name, seconds in evaluate(*point).breakdown.items()}


def _bare(base):
    """No latency, no kernel detail, nothing hidden, no bubble: every term is bytes over a bandwidth or FLOPs over a rate."""
    hidden = ("tensor_overlap", "context_overlap", "expert_overlap", "send_overlap", "gradient_overlap", "bubble", "kernel_detail")
    return scheduled(changed_where_there(base, NO_LATENCY), gradient_traffic=1, split_groups=1, **dict.fromkeys(hidden, 0))


def test_parts_add_up_and_everything_is_finite(any_point):
    metrics = evaluate(*any_point)
    assert sum(metrics.breakdown.values()) == pytest.approx(float(metrics.step_time), rel=1e-12)
    assert sum(metrics.memory_parts.values()) == metrics.resident_bytes
    for name, value in (metrics.breakdown | metrics.memory_parts | {n: getattr(metrics, n) for n in quantities(metrics)}).items():
        assert np.isfinite(value), name
        assert value >= 0, name
    assert all(getattr(metrics, name) > 0 for name in OBJECTIVES if getattr(metrics, name) is not None)
    assert 0 < metrics.model_utilisation < 1
    assert {record.name for record in records(metrics)} == {row.name for row in CONSTRAINTS.values() if row.demand in quantities(metrics)}


@pytest.mark.parametrize("pod", ["one device", "whole cluster"])
@pytest.mark.parametrize("slow", ["memory", "matrix"])
def test_doubling_a_rate_halves_what_waits_for_it_and_nothing_else(base, pod, slow):
    network = "scale_up" if pod == "whole cluster" else "scale_out"
    fast = {"memory": 1e7} if slow == "matrix" else {"matrix": 1e7}
    start = multiplied(changed(_bare(base), {"cluster.pod.size": 1e7 if pod == "whole cluster" else 1}), **fast)
    before = _terms(start)
    halved = {}
    for resource in RESOURCES:
        after = _terms(multiplied(start, **{resource: 2}))
        halved[resource] = {name for name in before if before[name] > 0 and after[name] == pytest.approx(before[name] / 2, rel=1e-3)}
        same = {name for name in before if after[name] == pytest.approx(before[name], rel=1e-3, abs=1e-15)}
        assert halved[resource] | same == set(before), resource
    present = {name for name in before if before[name] > 0}
    assert halved[network] == present & COMMUNICATION
    assert halved["memory"] | halved["matrix"] == present - COMMUNICATION
    assert not halved["memory"] & halved["matrix"]
    assert not halved[{"scale_up": "scale_out", "scale_out": "scale_up"}[network]]


def test_twice_of_everything_takes_half_the_time(base):
    cool = changed(_bare(base), COOL_MEMORY)
    before, after = _terms(cool), _terms(multiplied(cool, **dict.fromkeys(RESOURCES, 2)))
    assert after == pytest.approx({name: seconds / 2 for name, seconds in before.items()}, rel=1e-12)


@pytest.mark.parametrize(
    ("single", "double", "terms"),
    [
        ({"tp": 1, "etp": 1}, {"tp": 2}, ["tensor parallel"]),
        ({"etp": 1}, {"etp": 2}, ["expert tensor parallel"]),
        ({"ep": 1}, {"ep": 2}, ["all-to-all"]),
        ({"cp": 1}, {"cp": 2}, ["context parallel"]),
        ({"pp": 1}, {"pp": 2}, ["pipeline bubble", "pipeline send"]),
        ({"dp": 1, "tp": 1, "ep": 1, "etp": 1, "cp": 1, "pp": 1}, {"dp": 2}, ["gradient traffic"]),
    ],
)
def test_a_group_of_one_costs_nothing(base, single, double, terms):
    visible = dict.fromkeys(("tensor_overlap", "context_overlap", "expert_overlap", "gradient_overlap"), 0)
    start = scheduled(base, **visible, gradient_traffic=1, bubble=1)
    present = {"expert tensor parallel", "all-to-all"} if start[1].model.moe_layers == 0 else set()
    alone, paired = _terms(mapped(start, **single)), _terms(mapped(start, **(single | double)))
    assert [alone[name] for name in terms] == [0.0] * len(terms)
    assert all(paired[name] > 0 for name in set(terms) - present)


def _expected_signs(path, declared):
    """Of (step time, energy, capital cost): +1 rises, -1 falls, 0 stays with the constant; None is free.

    Read off the unit wherever it decides.
    """
    powers, name = unit_factor(declared.unit)[1], path.rsplit(".", 1)[-1]
    if powers[DOLLARS]:
        return 0, 0, +1
    if powers[JOULES]:
        return 0, +1, 0
    if powers[SECONDS] < 0 and (powers[FLOPS] or powers[BYTES]):
        return -1, None, None
    if powers[SECONDS] > 0 or name in RULES_THAT_LENGTHEN:
        return +1, +1, 0
    if name == "refresh_temperature":
        return -1, None, 0
    if name == "oversubscription":
        return +1, None, -1
    if powers[BYTES] or ".precision." in path:
        return None if name in FREE_SHARES else +1, None, 0
    if name in RULES_THAT_SHORTEN:
        return -1, -1, 0
    return (0, None, None) if name in SHARES_ONLY or any(powers) else (None, None, None)


def _against_its_kind(point):
    """The constants that move a metric the way their kind does not."""
    point = changed(point, COOL_MEMORY)
    steps = cases.steps(point, 0.2)
    low = {path: max(value - step, declared.low) for path, (declared, value, step) in steps.items()}
    high = {path: min(value + step, declared.high) for path, (declared, value, step) in steps.items()}
    metrics = cases.sweep(point, low, high)
    table = np.stack([metrics.step_time, metrics.energy_per_step, metrics.capital_cost])
    assert np.isfinite(table).all()
    assert np.any(table[:, 1:] != table[:, :1], axis=1).all()
    wrong = []
    for row, (path, (declared, _, _)) in enumerate(steps.items()):
        change = (table[:, 1 + len(steps) + row] - table[:, 1 + row]) / table[:, 0]
        for sign, moved, metric in zip(_expected_signs(path, declared), change, ("time", "energy", "cost"), strict=True):
            against = abs(moved) > 1e-12 if sign == 0 else sign is not None and sign * moved < -1e-12
            wrong += [f"{metric} moves by {moved:.1e} with {path}"] if against else []
    return wrong


def test_each_constant_moves_the_metrics_the_way_its_kind_says(any_point):
    assert not _against_its_kind(any_point)


def test_faster_parts_never_lengthen_a_step_whose_traffic_hides(base):
    assert not _against_its_kind(scheduled(base, tensor_overlap=1, expert_overlap=1, gradient_overlap=1))


@pytest.mark.parametrize("rule", ["tensor_overlap", "expert_overlap", "gradient_overlap"])
def test_more_overlap_never_lengthens_a_step(base, rule):
    times = [float(evaluate(*scheduled(base, **{rule: share})).step_time) for share in (0, 0.3, 0.6, 1)]
    assert times == sorted(times, reverse=True)


def test_a_longer_run_has_the_same_steps(base):
    before, after = evaluate(*base), evaluate(*changed(base, {"workload.training.tokens": 3 * float(base[1].training.tokens)}))
    assert after.step_time == before.step_time
    assert after.resident_bytes == before.resident_bytes
    for name in ("time_to_train", "energy_to_train"):
        assert float(getattr(after, name)) == pytest.approx(3 * float(getattr(before, name)), rel=1e-14)


def test_each_zero_stage_shards_one_more_state(base):
    parts = [evaluate(*scheduled(base, zero_stage=stage)).memory_parts for stage in range(4)]
    for stage, state in enumerate(("optimizer", "gradients", "parameters"), start=1):
        assert parts[stage][state] < parts[stage - 1][state]
        assert all(parts[stage][other] == parts[stage - 1][other] for other in parts[0] if other != state)


@pytest.mark.parametrize("rule", ["recompute_core", "recompute_layer"])
def test_recomputation_trades_time_for_memory(base, rule):
    start = {
        "recompute_core": 0,
        "recompute_layer": 0,
        "tensor_overlap": 0,
        "expert_overlap": 0,
        "gradient_overlap": 0,
        "fused_attention": 0,
    }
    without, with_it = evaluate(*scheduled(base, **start)), evaluate(*scheduled(base, **(start | {rule: 1})))
    assert with_it.memory_parts["activations"] < without.memory_parts["activations"]
    assert with_it.step_time > without.step_time
    assert with_it.model_utilisation < without.model_utilisation


def test_a_fused_core_keeps_no_scores_to_recompute(base):
    parts = {
        (fused, again): evaluate(*scheduled(base, fused_attention=fused, recompute_core=again, recompute_layer=0))
        for fused in (0, 1)
        for again in (0, 1)
    }
    activations = {key: float(m.memory_parts["activations"]) for key, m in parts.items()}
    assert activations[1, 0] == activations[1, 1] == pytest.approx(activations[0, 1], rel=1e-14)
    assert parts[0, 0].breakdown["attention core"] >= parts[1, 0].breakdown["attention core"]


def test_a_relay_never_sends_more_across(base):
    direct, relayed = (evaluate(*scheduled(base, relay=r, split_groups=1, expert_overlap=0)) for r in (0, 1))
    if float(base[0].mapping.expert_set) > float(base[0].cluster.pod.size):
        assert relayed.breakdown["all-to-all"] <= direct.breakdown["all-to-all"]


def test_devices_without_a_rank_idle_but_do_no_work(base):
    half = changed(base, {"mapping.dp": float(base[0].mapping.dp) / 2})
    facility, package = base[0].cluster.facility, base[0].cluster.device.package
    idle = float(base[0].cluster.devices * (package.dies * package.die.static_power + facility.host_power))

    def work(point):
        metrics = evaluate(*point)
        drawn = float(metrics.energy_per_step / facility.power_usage_effectiveness)
        return drawn - float(metrics.step_time) * (idle + float(metrics.network_power))

    assert work(half) == pytest.approx(work(base), rel=0.05)


def test_more_memory_relieves_the_memory_limit_alone(base):
    path = "cluster.device.package.stacks"
    before, after = evaluate(*base), evaluate(*changed(base, {path: 2 * float(base[0].cluster.device.package.stacks)}))
    assert float(after.memory_limit) == pytest.approx(2 * float(before.memory_limit), rel=1e-14)
    assert after.resident_bytes == before.resident_bytes
    assert after.step_time <= before.step_time
    assert all(getattr(after, name) > getattr(before, name) for name in ("package_power", "package_area", "memory_edge", "capital_cost"))
