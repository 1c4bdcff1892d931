"""Does the model of serving add up, obey its laws, keep its conventions and have exact gradients, whatever is served and wherever?"""

import functools
import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CONFIGS

from codesign.config import load_design
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.constraints import applying, records
from codesign.design import Design, leaves, value_at, with_values
from codesign.evaluate import evaluate
from codesign.mapping.deployment import Deployment, Pool
from codesign.performance.serving_batch import batch_of
from codesign.performance.serving_memory import weight_bytes
from codesign.workload.training import Workload

LANES, SLOPES = 3072, 192
ROWS = load_catalogue(SHIPPED).rows
DECODE, PREFILL, LOAD, PACKAGE = "deployment.decode.", "deployment.prefill.", "workload.serving.", "cluster.device.package."
METRICS = ("time_per_output_token", "output_tokens_per_dollar", "energy_per_output_token")


def served(system, model, load, schedule, decode, prefill, rules, changes):
    """A design that serves, from rows of the tables."""
    deployment = Deployment(ROWS["serving_schedules"][schedule].module, Pool(**decode), Pool(**prefill), **rules)
    base = cases.workload(model)
    workload = Workload(base.model, base.training, ROWS["serving_loads"][load].module)
    return with_values(
        Design(cases.system(system), None, deployment), workload, {path: jnp.asarray(float(v)) for path, v in changes.items()}
    )


@functools.cache
def points():
    """Dense models and those with experts, both kinds of attention, apart and together, drafts, halves, fusion, short reads."""
    one, low = {"ep": 1.0, "batch": 1.0}, {"low_score_share": 0.5, "score_reduction": 0.5}
    day = load_design(CONFIGS / "designs" / "deepseek_serving.toml")
    drafts = {LOAD + "draft_tokens": 2.0, LOAD + "acceptance": 0.8, LOAD + "draft_layers": 1.0}
    return {
        "DeepSeek-V3 as served": (day.design, day.workload),
        "DeepSeek-V3 together, with drafts": served(
            "gb200_nvl72", "deepseek_v3", "reasoning", "fused", {"ep": 72, "replicas": 32, "batch": 48, "tp": 2}, one,
            {"disaggregated": 0}, drafts,
        ),
        "DeepSeek-V2-Lite on one device": served(
            "dgx_h100", "deepseek_v2_lite", "even", "separate", {"ep": 1, "batch": 16}, one, {"disaggregated": 0}, {}
        ),
        "Qwen3 in two pools, short reads per choice": served(
            "dgx_h100", "qwen3_235b_a22b", "chat", "separate", {"ep": 32, "tp": 4, "batch": 40}, {"ep": 8, "tp": 8, "batch": 0.5},
            dict(disaggregated=1, **low), {},
        ),
        "Mixtral with cut experts, short reads per expert": served(
            "gb200_nvl72", "mixtral_8x7b", "chat", "fused", {"ep": 4, "etp": 2, "tp": 2, "batch": 40, "two_batches": 1, "relay": 1}, one,
            dict(disaggregated=0, per_expert=1, **low), drafts,
        ),
        "Llama 3, dense": served(
            "dgx_h100", "llama3_70b", "chat", "separate", {"ep": 1, "etp": 8, "tp": 8, "batch": 8},
            {"ep": 1, "etp": 8, "tp": 8, "batch": 0.25}, {"disaggregated": 1}, {},
        ),
    }  # fmt: skip


NAMES = tuple(points())
SLOPED = tuple(name for name in NAMES if "DeepSeek" not in name)
"""Designs whose slopes are taken backwards, which costs as much as all else; those of studies are taken in their own test."""
ROUTED = tuple(name for name in NAMES if "dense" not in name)


@functools.cache
def place(name, path):
    """Which leaf of a design and its load stands at `path`?"""
    marked = with_values(*points()[name], {path: jnp.asarray(jnp.nan)})
    (found,) = np.flatnonzero(np.isnan([float(leaf) for leaf in jax.tree.leaves(marked)]))
    return found


@functools.cache
def vector(name):
    """The leaves of a design and its load."""
    return np.array([float(leaf) for leaf in jax.tree.leaves(points()[name])])


def lanes(name, changes):
    """A design changed in turn as said, stacked leaf by leaf."""
    rows = np.tile(vector(name), (len(changes), 1))
    for row, change in zip(rows, changes, strict=True):
        for path, value in change.items():
            row[place(name, path)] = value
    return rows


def padded(rows, width):
    """Leaves by lane, as many lanes for every structure: operations are then compiled once."""
    stacked = np.concatenate(rows)
    assert len(stacked) <= width
    return jnp.asarray(stacked[np.minimum(np.arange(width), len(stacked) - 1)].T)


@functools.cache
def together(structure):
    """Metrics of all questions to the designs of one structure: a single evaluation, as each one costs much whatever its width."""
    found, rows = {}, []
    for name in NAMES:
        if jax.tree.structure(points()[name]) == structure:
            for question, changes in questions(name).items():
                first = sum(map(len, rows))
                rows.append(lanes(name, changes))
                found[name, question] = slice(first, first + len(changes))
    metrics = evaluate(*jax.tree.unflatten(structure, list(padded(rows, LANES))))
    return found, jax.tree.map(lambda leaf: np.broadcast_to(leaf, (LANES,)), metrics)


def answers(name, question):
    """Metrics of a design changed in turn as a question says, one row each."""
    found, metrics = together(jax.tree.structure(points()[name]))
    return jax.tree.map(lambda leaf: leaf[found[name, question]], metrics)


def limits(metrics, row):
    """The limits of one row, by name."""
    return {limit.name: limit for limit in records(jax.tree.map(lambda leaf: leaf[row], metrics))}


def at(name, path):
    """The value of a design at a path."""
    return float(value_at(*points()[name], path))


BATCHES = (0.02, 0.3, 1.0, 3.0, 10.0, 40.0, 120.0, 1e3)
SWEEP = np.geomspace(0.05, 2e3, 60)
RATES = np.concatenate([[0.0], np.geomspace(0.1, 1e6, 60)])
TARGETS = ("output_token_target", "first_token_target")
APART = {"deployment.disaggregated": 1.0}
NEVER_SLOWER = {
    PACKAGE + "memory.bandwidth": 2.0,
    PACKAGE + "die.peak_flops": 2.0,
    PACKAGE + "die.peak_flops_8bit": 2.0,
    "cluster.device.scale_up.bandwidth": 2.0,
    "cluster.device.scale_out.bandwidth": 2.0,
    LOAD + "precision.dispatch": 0.5,
    LOAD + "precision.combine": 0.5,
    LOAD + "cache_element": 0.5,
    LOAD + "output": 0.5,
    LOAD + "prompt": 0.5,
    "deployment.schedule.host_time": 0.5,
}
CORNERS = (
    {},
    {DECODE + "batch": 1e-3, PREFILL + "batch": 1e-3},
    {LOAD + "skew": 0.0, LOAD + "correlation": 1.0},
    {LOAD + "skew": 2.0, LOAD + "correlation": 0.3, DECODE + "batch": 1e-3},
    {"deployment.low_score_share": 0.0, "deployment.score_reduction": 0.5, "deployment.per_expert": 0.0},
    {"deployment.low_score_share": 1.0, "deployment.score_reduction": 0.9, "deployment.per_expert": 0.0},
    {DECODE + "replicas": 0.0, PREFILL + "replicas": 0.0},
    {DECODE + "ep": 1e6},
    {DECODE + "ep": 1.0, DECODE + "etp": 1.0, DECODE + "tp": 1.0},
    {LOAD + "cached_share": 0.0, LOAD + "prompt_spread": 0.0, LOAD + "output_spread": 0.0},
    {LOAD + "cached_share": 0.999, LOAD + "prompt": 1.0, LOAD + "output": 1.0},
    {LOAD + "draft_tokens": 0.0, LOAD + "acceptance": 0.0, LOAD + "draft_layers": 0.0},
    {LOAD + "draft_tokens": 64.0, LOAD + "acceptance": 0.999, LOAD + "draft_layers": 1.0},
    {LOAD + "output": 1.0, "deployment.disaggregated": 0.0},
    {DECODE + "batch": 1e5, PREFILL + "batch": 1e5},
    {"deployment.schedule.kernel_detail": 0.0, "deployment.schedule.host_time": 0.0, "deployment.schedule.deduplicate": 1.0},
    {"deployment.schedule.fusion": 1.0, DECODE + "two_batches": 1.0, DECODE + "relay": 1.0},
    {LOAD + "request_rate": 1e9},
    {"cluster.pod.size": 1.0},
    {"cluster.pod.size": 1e5, "deployment.schedule.sequence_balance": 1.0},
)


def with_one_expert_per_rank(name):
    """The corner at which every expert and every copy has a rank."""
    return {DECODE + "ep": max(at(name, "workload.model.base_experts") + at(name, DECODE + "replicas"), 1)}


STEP, BEND = 1e-5, 4e-3
KINKS = {
    "cached_share", "oversubscription", "fusion", "two_batches", "disaggregated", "acceptance", "skew", "draft_tokens", "request_rate",
    "tp", "ep",  # a head of keys per rank, a pod
}  # fmt: skip
REAL = (DECODE + "ep", PREFILL + "ep", DECODE + "tp", DECODE + "replicas")
"""Whole numbers that the search takes as real ones."""


def faster(name):
    """What never slows: more tokens per answer do without pools apart, as prompts then come more seldom."""
    return [path for path in NEVER_SLOWER if path != LOAD + "output" or at(name, "deployment.disaggregated")]


def steps_of(name):
    """Leaves that are no count, or that are taken as real numbers, with their value and an increment."""
    found = {path: (value, step) for path, (_, value, step) in cases.steps(points()[name], STEP).items()}
    return found | {path: (at(name, path), STEP * at(name, path)) for path in REAL if at(name, path) > 1}


def questions(name):
    """All that the tests ask of a design: changes by question."""
    short = {"deployment.score_reduction": 0.5}
    tokens, chance = LOAD + "draft_tokens", LOAD + "acceptance"
    alone = {f"deployment.{kind}.{degree}": 1.0 for kind in ("decode", "prefill") for degree in ("ep", "etp", "tp")}
    group = APART | {LOAD + "prompt_spread": 0.0}
    found = {
        "plain": [{}],
        "fused batches": [{DECODE + "batch": b, "deployment.schedule.fusion": f} for b in BATCHES for f in (0.0, 0.4, 1.0)],
        "faster": [{}] + [{path: NEVER_SLOWER[path] * at(name, path)} for path in faster(name)],
        "cached": [{LOAD + "cached_share": share} for share in (0.0, 0.3, 0.6, 0.9)],
        "batches": [{DECODE + "batch": b} for b in SWEEP],
        "prompts": [{PREFILL + "batch": b} for b in np.geomspace(0.01, 64, 30)],
        "fusion": [{"deployment.schedule.fusion": f} for f in (0.0, 0.5, 1.0)],
        "short reads": [short | {"deployment.low_score_share": r} for r in (0.0, 0.3, 1.0)],
        "rates": [{LOAD + "request_rate": rate} for rate in RATES],
        "too many": [{DECODE + "batch": 1e5, PREFILL + "batch": 1e5}],
        "alone": [alone | {"deployment.schedule.fusion": 0.0}],
        "drafts": [APART | {tokens: n, chance: a} for n, a in ((0, 0), (3, 0), (3, 0.999))],
        "prompts of a group": [group | {PREFILL + "batch": n / at(name, PREFILL + "tp")} for n in (1.0, 0.5)],
        "steps": [{}] + [{path: value + sign * step} for sign in (-1, 1) for path, (value, step) in steps_of(name).items()],
    }
    return found | {target: [{LOAD + target: t} for t in (0.0, 1e-6, 1e4)] for target in TARGETS}


@pytest.mark.parametrize("name", NAMES)
def test_steps_add_up_by_cause_and_by_what_binds(name):
    metrics = answers(name, "fused batches")
    for parts, whole in (
        (metrics.decode_parts, metrics.decode_step_time),
        (metrics.decode_bounds, metrics.decode_step_time),
        (metrics.prefill_parts, metrics.prefill_step_time),
        (metrics.breakdown, metrics.decode_step_time),
    ):
        np.testing.assert_allclose(sum(parts.values()), whole, rtol=1e-12)
        assert all(np.min(part) >= -1e-18 for part in parts.values())
    kept = points()[name][1].serving.tokens_per_step
    np.testing.assert_allclose(sum(metrics.floor_bounds.values()), metrics.lowest_time_per_output_token * kept, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_all_is_finite_and_only_what_serves_is_told(name):
    metrics = answers(name, "plain")
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(metrics))
    assert metrics.step_time is None
    assert metrics.resident_bytes is None
    told = {row.name for row in applying(metrics)}
    assert {"decode batch", "prompt batch", "request rate", "lowest time per output token"} <= told
    assert not told & {"memory", "devices"}


@pytest.mark.parametrize("name", NAMES)
def test_faster_parts_and_fewer_bytes_never_lengthen_a_step(name):
    paths, metrics = faster(name), answers(name, "faster")
    for field in ("decode_step_time", "prefill_step_time", "time_per_output_token", "time_to_first_token"):
        times = getattr(metrics, field)
        slower = {path: t / times[0] for path, t in zip(paths, times[1:], strict=True) if t > times[0] * (1 + 1e-9)}
        assert not slower, field
    shorter = {path: metrics.decode_step_time[1 + paths.index(path)] for path in (PACKAGE + "memory.bandwidth", LOAD + "cache_element")}
    assert at(name, "deployment.schedule.fusion") or all(t < metrics.decode_step_time[0] for t in shorter.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_prefix_that_is_cached_never_slows(name):
    metrics = answers(name, "cached")
    assert (np.diff(metrics.prefill_step_time) <= 0).all()
    assert (np.diff(metrics.decode_step_time) <= 0).all()
    assert (np.diff(metrics.output_tokens_per_second) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_larger_batch_takes_longer_and_serves_more(name):
    metrics = answers(name, "batches")
    assert (np.diff(metrics.decode_step_time) >= 0).all()
    assert (np.diff(metrics.decode_tokens_per_second) > 0).all()
    assert (np.diff(metrics.touched_experts) >= 0).all()
    enough = SWEEP * at(name, DECODE + "tp") >= 1
    assert (metrics.time_per_output_token >= metrics.lowest_time_per_output_token * (1 - 1e-12))[enough].all()


@pytest.mark.parametrize("name", NAMES)
def test_more_prompts_per_step_take_longer(name):
    metrics = answers(name, "prompts")
    assert (np.diff(metrics.prefill_step_time) >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_fusion_and_short_reads_never_slow(name):
    for question in ("fusion", "short reads"):
        assert (np.diff(answers(name, question).decode_step_time) <= 1e-15).all(), question
    if name in ROUTED:
        assert (np.diff(answers(name, "short reads").decode_parts["experts"]) <= 0).all()


def reads_of(name, batch, **rules):
    """The share of an expert's bits that a decode step reads."""
    design, workload = points()[name]
    deployment = with_values(design, workload, {f"deployment.{k}": jnp.asarray(float(v)) for k, v in rules.items()})[0].deployment
    sequences = jnp.asarray(batch)
    return float(batch_of(workload.model, workload.serving, deployment, deployment.decode, sequences, 0.0 * sequences).read)


@pytest.mark.parametrize("name", ROUTED)
def test_short_reads_of_few_choices_are_those_of_every_expert(name):
    rules = {"low_score_share": 0.5, "score_reduction": 0.4}
    each, summed = (reads_of(name, 1e-6, per_expert=p, **rules) for p in (0, 1))
    assert summed == pytest.approx(0.8, rel=1e-12)
    assert each == pytest.approx(summed, rel=1e-3)
    assert reads_of(name, 1e4, per_expert=0, **rules) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_at_its_limit_fills_the_memory(name):
    metrics = answers(name, "batches")
    each = metrics.memory_parts["sequences"] / SWEEP
    np.testing.assert_allclose(metrics.memory_parts["weights"] + metrics.decode_batch_limit * each, metrics.memory_limit, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_pools_keep_each_other_busy(name):
    metrics, load = answers(name, "plain"), points()[name][1].serving
    share, output, prompt = metrics.decode_share[0], float(load.output), float(load.prompt)
    if at(name, "deployment.disaggregated"):
        decoded, read = share * metrics.decode_tokens_per_second[0] / output, (1 - share) * metrics.prefill_tokens_per_second[0] / prompt
        assert decoded == pytest.approx(read, rel=1e-12)
    else:
        assert share == 1
    assert metrics.request_capacity[0] * output == pytest.approx(
        metrics.output_tokens_per_second[0] * at(name, "cluster.devices"), rel=1e-12
    )
    assert metrics.energy_per_output_token[0] * metrics.output_tokens_per_joule[0] == pytest.approx(1, rel=1e-12)
    assert metrics.time_per_output_token[0] * float(load.tokens_per_step**-1) ** -1 == pytest.approx(metrics.decode_step_time[0], rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_more_requests_wait_longer_and_too_many_break_a_limit(name):
    metrics = answers(name, "rates")
    served = metrics.request_capacity > RATES
    assert 3 < served.sum() < len(RATES)
    assert (np.diff(metrics.time_to_first_token[served]) > 0).all()
    assert (np.diff(metrics.time_to_first_token) >= 0).all()
    assert np.ptp(metrics.time_per_output_token) == 0
    for row in (0, 3, -1):
        limit = limits(metrics, row)["request rate"]
        assert (limit.gap <= 0) == served[row]
        assert "larger cluster" in limit.levers


@pytest.mark.parametrize(
    ("target", "fragment"), [("output_token_target", "lowest time per output token"), ("first_token_target", "time to first token")]
)
@pytest.mark.parametrize("name", NAMES)
def test_a_target_that_cannot_be_met_says_what_would_help(name, target, fragment):
    rows = [limits(answers(name, target), row)[fragment] for row in range(3)]
    assert [r.gap > 0 for r in rows] == [False, True, False]
    assert rows[1].bound == pytest.approx(1e-6)
    assert rows[1].levers


@pytest.mark.parametrize("kind", ["decode", "prefill"])
@pytest.mark.parametrize("name", NAMES)
def test_a_batch_that_does_not_fit_is_told_with_the_largest_that_does(name, kind):
    row = limits(answers(name, "too many"), 0)["decode batch" if kind == "decode" else "prompt batch"]
    assert row.demand == 1e5
    if kind == "decode" or at(name, "deployment.disaggregated"):
        assert row.gap > 0
        assert 0 <= row.bound < 1e5
    else:
        assert row.gap < 0


@pytest.mark.parametrize("name", ROUTED)
def test_ep_divides_experts_and_not_tokens(name):
    design, workload = points()[name]
    ranks = [1.0, 2.0, 4.0, 8.0]
    batches, weights = [], []
    for ep in ranks:
        values = {DECODE + "ep": jnp.asarray(ep), LOAD + "skew": jnp.asarray(0.0), DECODE + "tp": jnp.asarray(1.0)}
        other, load = with_values(design, workload, values)
        batches.append(batch_of(load.model, load.serving, other.deployment, other.deployment.decode, jnp.asarray(64.0), jnp.asarray(0.0)))
        weights.append(float(weight_bytes(load.model, load.serving, other.deployment.decode)))
    assert all(b < a for a, b in itertools.pairwise(weights))
    routed = [float(b.routed / b.busiest) for b in batches]
    etp = at(name, DECODE + "etp")
    copies = 64 * float(workload.serving.draft_tokens + 1) * float(workload.model.top_k) * etp
    assert routed == pytest.approx([copies] * len(ranks), rel=1e-12)
    assert [float(b.active) for b in batches] == sorted((float(b.active) for b in batches), reverse=True)


@pytest.mark.parametrize("name", ROUTED)
def test_weights_of_a_unit_are_those_of_one_model(name):
    """What EP saves on one device is exactly the share of the experts that other devices hold."""
    design, workload = points()[name]
    sizes = {}
    for ep in (1.0, 8.0):
        values = {DECODE + "ep": ep, DECODE + "etp": 1, DECODE + "tp": 1, DECODE + "replicas": 0}
        other, load = with_values(design, workload, {path: jnp.asarray(float(v)) for path, v in values.items()})
        sizes[ep] = float(weight_bytes(load.model, load.serving, other.deployment.decode))
    model, load = workload.model, workload.serving
    layers = model.moe_layers + load.draft_layers * jnp.minimum(load.draft_tokens, 1)
    experts = layers * model.experts * (2 + model.gated) * model.d_model * model.d_expert * load.precision.weight
    assert sizes[1.0] - sizes[8.0] == pytest.approx(float(experts) * 7 / 8, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_one_device_exchanges_nothing(name):
    metrics = answers(name, "alone")
    for parts in (metrics.decode_parts, metrics.prefill_parts):
        assert [parts[kind][0] for kind in ("tensor parallel", "expert tensor parallel", "all-to-all")] == [0, 0, 0]
    assert metrics.decode_bounds["network"][0] == 0


def test_latent_attention_keeps_fewer_keys_and_every_rank_all_of_them():
    latent, grouped = (points()[name][1].model.attention for name in (NAMES[0], NAMES[3]))
    assert [float(latent.cache_width(tp)) for tp in (1.0, 8.0)] == [576, 576]
    assert [float(grouped.cache_width(tp)) for tp in (1.0, 4.0, 8.0)] == [1024, 256, 256]


@pytest.mark.parametrize("drafted", [0, 1, 3, 8])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.999])
def test_tokens_per_step_are_the_series(drafted, kept):
    _, workload = with_values(
        *points()[NAMES[1]], {LOAD + "draft_tokens": jnp.asarray(float(drafted)), LOAD + "acceptance": jnp.asarray(kept)}
    )
    assert float(workload.serving.tokens_per_step) == pytest.approx(sum(kept**n for n in range(drafted + 1)), rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_drafts_that_are_all_kept_are_worth_it_and_those_never_kept_are_not(name):
    metrics = answers(name, "drafts")
    step, token = metrics.decode_step_time, metrics.time_per_output_token
    assert token[0] == step[0]
    assert token[1] == step[1] > token[0]
    assert token[2] < token[1] / 3.9


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_of_a_group_is_read_in_one_step_whatever_the_group(name):
    """A group of tp ranks that reads a prompt per step has 1 / tp per device, and no prompt takes more steps for that."""
    metrics = answers(name, "prompts of a group")
    rest = metrics.time_to_first_token - metrics.decode_step_time / float(points()[name][1].serving.tokens_per_step)
    hand_over = rest[0] - metrics.prefill_step_time[0]
    assert 0 <= hand_over < 0.5 * metrics.prefill_step_time[0] + 1
    assert rest[1] - 2 * metrics.prefill_step_time[1] == pytest.approx(hand_over, rel=1e-9, abs=1e-12)


@functools.cache
def all_slopes(structure):
    """Metrics, and their slopes to every leaf, of the designs of one structure as they are and at every corner."""
    names = [name for name in NAMES if jax.tree.structure(points()[name]) == structure]
    rows = [lanes(name, [*CORNERS, with_one_expert_per_rank(name)]) for name in names]
    count = sum(map(len, rows))

    def found(columns):
        metrics = evaluate(*jax.tree.unflatten(structure, list(columns)))
        return tuple(jnp.broadcast_to(getattr(metrics, metric), SLOPES) for metric in METRICS)

    values, pull = jax.vjp(found, padded(rows * len(METRICS), SLOPES))
    (gradients,) = pull(tuple(jnp.asarray((np.arange(SLOPES) // count == n).astype(float)) for n in range(len(METRICS))))
    each = [slice(n * count, (n + 1) * count) for n in range(len(METRICS))]
    return names, np.stack(values)[:, :count], np.stack([gradients[:, part] for part in each])


def slopes(name):
    """Values (metrics, corners) and slopes (metrics, leaves, corners) of one design; the first corner is the design itself."""
    names, values, gradients = all_slopes(jax.tree.structure(points()[name]))
    count = len(CORNERS) + 1
    own = slice(names.index(name) * count, (names.index(name) + 1) * count)
    return values[:, own], gradients[:, :, own]


@pytest.mark.parametrize("name", SLOPED)
def test_values_and_slopes_are_finite_at_every_corner(name):
    values, gradients = slopes(name)
    corners = [*CORNERS, "one expert per rank"]
    assert (values > 0).all()
    paths = [path for path, _, _ in leaves(*points()[name])]
    bad = {(paths[leaf], str(corners[lane])) for _, leaf, lane in np.argwhere(~np.isfinite(gradients))}
    assert not bad, bad


@pytest.mark.parametrize("name", SLOPED)
def test_every_slope_is_a_central_difference(name):
    steps, metrics = steps_of(name), answers(name, "steps")
    logs = np.log(np.stack([getattr(metrics, metric) for metric in METRICS]))
    middle, below, above = logs[:, :1], logs[:, 1 : 1 + len(steps)], logs[:, 1 + len(steps) :]
    bend = np.abs(above + below - 2 * middle).max(axis=0) / STEP
    values, gradients = slopes(name)
    off, kinks = [], set()
    for column, (path, (_, step)) in enumerate(steps.items()):
        exact = gradients[:, place(name, path), 0] / values[:, 0] * step / STEP
        central = (above - below)[:, column] / (2 * STEP)
        assert np.isfinite(central).all(), path
        if bend[column] > BEND:
            kinks.add(path.rsplit(".", 1)[-1])
        elif not np.allclose(exact, central, rtol=1e-5, atol=1e-7):
            off.append((path, exact, central))
    assert not off, off
    assert kinks <= KINKS, kinks


def test_tokens_of_other_attention_groups_are_gathered_for_cut_experts():
    """Experts cut over eight ranks: with attention cut alike every rank has the tokens, with attention apart seven of eight are fetched."""
    point = points()[next(name for name in ROUTED if "Mixtral" in name)]
    alone = {"deployment.decode.ep": 1.0, "deployment.decode.etp": 8.0, "deployment.decode.two_batches": 0.0}

    def times(tp):
        values = {path: jnp.asarray(value) for path, value in (alone | {"deployment.decode.tp": tp}).items()}
        return float(evaluate(*with_values(*point, values)).decode_parts["expert tensor parallel"])

    assert 0 < times(8.0) < times(1.0)
