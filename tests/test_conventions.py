"""Would a slip of bits and bytes, of direction, of tier or of a degree be seen? Every number here is worked out by hand."""

import math

import cases
import jax.numpy as jnp
import pytest
from cases import changed, mapped, multiplied, scheduled

from codesign.evaluate import evaluate
from codesign.mapping.partition import share
from codesign.performance import collectives
from codesign.performance.communication import routed_copies
from codesign.physical import floorplan, power
from codesign.topology.endpoints import Group, Tier

POD, OUT = Tier(jnp.asarray(4e12), jnp.asarray(150e-9)), Tier(jnp.asarray(2e11), jnp.asarray(5e-6))
SYSTEM = cases.system("passage")
PASSAGE = scheduled(cases.point("passage"), bubble=0, gradient_traffic=1, gradient_overlap=0, deduplicate=1, kernel_detail=0)
TOKENS, WIDTH, LAYERS, MICRO_BATCHES, PASSES = 8192, 12288, 120 / 8, 4096 / 256, 2


def _terms(point):
    return {name: float(seconds) for name, seconds in evaluate(*point).breakdown.items()}


def _group(size, inside):
    return Group(jnp.asarray(float(size)), jnp.asarray(float(inside)), jnp.asarray(1.0))


def test_shipped_rates_are_bytes_per_direction():
    device = SYSTEM.device
    assert float(device.scale_up.bandwidth) == 32e12 / 8
    assert float(device.scale_out.bandwidth) == 1.6e12 / 8
    assert float(device.package.memory_bandwidth) == pytest.approx(16 * 1638.4e9)
    assert float(device.package.memory_capacity) == pytest.approx(16 * 48e9 * 0.92)
    assert float(device.package.peak_flops) == pytest.approx(8.5e15)
    assert float(device.package.die.area) == pytest.approx(26e-3 * 33e-3)
    assert float(device.scale_up.link.energy) == pytest.approx((2 + 1.2 + 1.1) * 8e-12)
    assert float(SYSTEM.pod.network.switch.latency) == pytest.approx(150e-9)
    assert float(SYSTEM.fabric.latency) == pytest.approx(5 * 1000e-9)


@pytest.mark.parametrize(
    ("function", "size", "group", "seconds"),
    [
        # 8 ranks in one pod, 4 GB: 7 start-ups, 7/8 of 4 GB at 4 TB/s
        (collectives.all_gather_time, 4e9, (8, 8), 7 * 150e-9 + 7 / 8 * 4e9 / 4e12),
        (collectives.reduce_scatter_time, 4e9, (8, 8), 7 * 150e-9 + 7 / 8 * 4e9 / 4e12),
        # an all-reduce is both
        (collectives.all_reduce_time, 4e9, (8, 8), 2 * (7 * 150e-9 + 7 / 8 * 4e9 / 4e12)),
        # 8 ranks, 4 per pod: 3 hops inside; 1 hop across, half of the bytes over 4 links of 0.2 TB/s
        (collectives.all_gather_time, 4e9, (8, 4), 3 * 150e-9 + 3 / 4 * 4e9 / 4e12 + 5e-6 + 1 / 2 * 4e9 / (4 * 2e11)),
        # one rank per pod: the scale-out network alone
        (collectives.all_gather_time, 4e9, (8, 1), 7 * 5e-6 + 7 / 8 * 4e9 / 2e11),
        # all-to-all: one start-up; 1/8 stays at home
        (collectives.all_to_all_time, 4e9, (8, 8), 150e-9 + 7 / 8 * 4e9 / 4e12),
        # 2 per pod: 6/8 of the bytes go across and take longest
        (collectives.all_to_all_time, 4e9, (8, 2), 5e-6 + 6 / 8 * 4e9 / 2e11),
        # a chain of 8 stages, 4 per pod: 6 of 7 hand-overs stay inside, 1 crosses
        (collectives.neighbour_time, 4e9, (8, 4), 6 / 7 * (150e-9 + 4e9 / 4e12) + 1 / 7 * (5e-6 + 4e9 / 2e11)),
        # 4096 ranks, one per pod, 1 kB: a tree of 12 levels is faster than a ring of 4095 steps
        (collectives.all_reduce_time, 1e3, (4096, 1), 2 * (12 * 5e-6 + 1e3 / 2e11)),
    ],
)
def test_collectives_by_hand(function, size, group, seconds):
    assert float(function(jnp.asarray(size), _group(*group), POD, OUT)) == pytest.approx(seconds, rel=1e-12)
    assert float(function(jnp.asarray(size), _group(1, 1), POD, OUT)) == 0


def test_an_all_to_all_waits_for_its_slower_tier():
    slow_pod = POD._replace(bandwidth=jnp.asarray(1e10))
    seconds = collectives.all_to_all_time(jnp.asarray(4e9), _group(8, 4), slow_pod, OUT)
    assert float(seconds) == pytest.approx(150e-9 + 3 / 8 * 4e9 / 1e10, rel=1e-12)


def test_tensor_parallel_traffic_by_hand():
    gather = 15 * 150e-9 + 15 / 16 * TOKENS * WIDTH * 2 / 4e12
    expected = MICRO_BATCHES * LAYERS * PASSES * 2 * gather
    assert _terms(PASSAGE)["tensor parallel"] == pytest.approx(expected, rel=1e-12)


def test_all_to_all_traffic_by_hand():
    # granularity 4: each of 8192 / 16 tokens goes to 4 of 128 experts, 4 on each of 32 ranks
    base = changed(PASSAGE, {"workload.model.granularity": 4})
    copies = 32 * (1 - math.comb(124, 4) / math.comb(128, 4))
    assert float(routed_copies(base[1].model, base[0].mapping.ep, base[0].mapping.schedule.deduplicate)) == pytest.approx(copies, rel=1e-9)
    size = TOKENS / 16 * copies * WIDTH * 2
    whole_pod = 150e-9 + 31 / 32 * size / 4e12  # ep x etp = 512 = one pod
    assert _terms(base)["all-to-all"] == pytest.approx(MICRO_BATCHES * LAYERS * PASSES * 2 * whole_pod, rel=1e-9)
    all_copies = scheduled(base, deduplicate=0)
    assert float(routed_copies(all_copies[1].model, all_copies[0].mapping.ep, all_copies[0].mapping.schedule.deduplicate)) == 4


def test_gradient_traffic_by_hand():
    # attention weights are replicated over 256 data ranks, 512 / 16 of them in a pod
    replicated = LAYERS * (4 * WIDTH * WIDTH / 16 + WIDTH * 32)
    one_byte = 31 / 32 / 4e12 + 7 / 8 / (32 * 2e11)
    start_ups = 31 * 150e-9 + 7 * 5e-6
    data = 2 * start_ups + replicated * (4 + 2) * one_byte  # gradients in 4 bytes, parameters in 2
    # one expert per group of 16; 256 x 16 / (32 x 16) = 8 copies, one per pod
    routed = LAYERS * 2 * WIDTH * 49152 / 16
    experts = 2 * 7 * 5e-6 + routed * (4 + 2) * 7 / 8 / 2e11
    assert _terms(PASSAGE)["gradient traffic"] == pytest.approx(data + experts, rel=1e-12)


def test_compute_by_hand():
    # two matrices per expert; every token visits one of them on 16 ranks that share 16 token slices: 8192 rows
    flops = MICRO_BATCHES * LAYERS * 3 * 2 * 2 * (TOKENS / 16 * 16) * WIDTH * (49152 / 16)
    router = MICRO_BATCHES * LAYERS * 3 * 2 * (TOKENS / 16) * WIDTH * 32
    peak = 0.85 * 8.5e15
    fast_memory = multiplied(PASSAGE, memory=1e9)
    assert _terms(fast_memory)["experts"] == pytest.approx(flops / peak, rel=1e-6)
    assert _terms(fast_memory)["shared experts and router"] == pytest.approx(router / peak, rel=1e-6)
    scores = MICRO_BATCHES * LAYERS * (1 + 2.5) * 4 * TOKENS * TOKENS / 16 * WIDTH
    assert _terms(fast_memory)["attention core"] == pytest.approx(scores / (0.85 * 8.5e15), rel=1e-6)


def test_watts_by_hand():
    device = SYSTEM.device
    links = 32e12 * 3.2e-12 + 1.6e12 * 5e-12  # bits per second times joules per bit, lasers and modules outside
    compute = 4 * (2125e12 * 0.25e-12 + 50)
    memory = 16 * 1638.4e9 * 8 * 2.7e-12
    assert float(power.in_package_link_power(device)) == pytest.approx(links)
    assert float(power.package_power(SYSTEM)) == pytest.approx(links + compute + memory)
    pod = 32e12 * (2 * 4.3e-12 + 4.5e-12)  # both ends and one switch port
    fabric = 1.6e12 * (6 * 21e-12 + 5 * 4.8e-12) + 200 * 0.4  # three tiers: 6 ends, 5 ports; a card of 200 GB/s
    assert float(evaluate(*PASSAGE).network_power) == pytest.approx(32768 * (pod + fabric))


def test_joules_of_a_step_by_hand():
    metrics = evaluate(*PASSAGE)
    off = ("cluster.device.package.die.energy_per_flop", "cluster.device.package.memory.energy")
    idle = evaluate(*changed(PASSAGE, dict.fromkeys(off, 0)))
    watts = 1.3 * (32768 * (4 * 50 + 250) + float(metrics.network_power))
    assert float(idle.energy_per_step) == pytest.approx(watts * float(metrics.step_time))
    forward_and_backward = 3 * 2 * (4 * WIDTH**2 + 2 * WIDTH * 49152 + WIDTH * 32) + (1 + 2.5) * 4 * 8192 * WIDTH
    flops = 4096 * 8192 * 120 * forward_and_backward
    compute = evaluate(*changed(PASSAGE, {off[1]: 0}))
    assert float(compute.energy_per_step - idle.energy_per_step) == pytest.approx(1.3 * 0.25e-12 * flops)


def test_square_metres_and_dollars_by_hand():
    area = 4 * 26 * 33 + 16 * 13 * 11 + 40 * 5  # mm2: reticles, stacks, 40 fibre groups of 0.8 Tb/s
    assert float(floorplan.package_area(SYSTEM)) == pytest.approx(area * 1e-6)
    assert float(floorplan.board_area(SYSTEM)) == pytest.approx(2389e-6 / 2)
    package = _package_dollars(area)
    pod = 4000 * (2 * 2.5 + 0.2 + 6)  # 4000 GB/s: two ends, a fibre, a port
    fabric = 200 * (6 * 13.2 + 3 * 3 + 5 * 21.8 + 29.98)
    metrics = evaluate(*PASSAGE)
    assert float(metrics.package_cost) == pytest.approx(package, rel=1e-6)
    assert float(sum(metrics.cost_parts.values())) == pytest.approx(package, rel=1e-6)
    assert float(metrics.package_price) == pytest.approx(4 * package, rel=1e-6)
    assert float(metrics.network_cost) == pytest.approx(32768 * (pod + fabric))
    assert float(metrics.capital_cost) == pytest.approx(32768 * (4 * package + 5000 + pod + fabric), rel=1e-6)
    assert float(metrics.manufacturing_cost) == pytest.approx(32768 * (package + 5000 + pod + fabric), rel=1e-6)


def _dies_on_a_wafer(area):
    """Never fewer than half: the formula would fall below none."""
    return 0.5 + math.log1p(math.exp(_gross_dies(area) - 0.5))


def _gross_dies(area):
    outer = area + 2 * 0.2 * area**0.5 + 0.2**2
    return math.pi * 145**2 / outer - math.pi * 290 / (2 * outer) ** 0.5


def _package_dollars(area):
    """Four reticles of 3 nm and 16 stacks on a photonic interposer, chips last, and the fibres of 40 mm of edge; mm2."""
    passing = 1 - (1 - (1 + 0.35 * 0.12 * 8.58 / 3) ** -3) * 0.995
    quality = (1 + 0.35 * 0.12 * 8.58 / 3) ** -3 / passing
    parts = 4 * 20000 / (_gross_dies(858) * passing) * 1.01 + 16 * 550
    carrier = 1.1 * area
    y1 = (1 + 0.05 * carrier / 100 / 3) ** -3 * 0.998 ** (carrier / 858 - 1)
    y2, y3 = 0.998**20 * quality**4, 0.99
    packaging = 8000 / _dies_on_a_wafer(carrier) / (y1 * y2 * y3) + 2.03 * carrier * 0.05 / y3
    made = packaging + parts / (y2 * y3)
    return made / 0.99 ** (40 / 8.128) * 1.3


def test_expert_parallelism_is_carved_out_of_data_parallelism():
    fast = multiplied(scheduled(PASSAGE, split_groups=1), memory=1e6)
    few, many = mapped(fast, ep=8), mapped(fast, ep=32)
    assert float(few[0].mapping.ranks) == float(many[0].mapping.ranks) == 256 * 16 * 8
    assert float(few[0].mapping.expert_copies) == 4 * float(many[0].mapping.expert_copies) == 32
    assert float(share(*reversed(_pair(few))).routed) == float(share(*reversed(_pair(many))).routed) == TOKENS
    assert _terms(few)["experts"] == pytest.approx(_terms(many)["experts"], rel=1e-6)
    before, after = evaluate(*few), evaluate(*many)
    routed = [float(m.memory_parts["parameters"]) - 2 * LAYERS * (4 * WIDTH * WIDTH / 16 + WIDTH * 32) for m in (before, after)]
    assert routed[0] == pytest.approx(4 * routed[1], rel=1e-9)


def _pair(point):
    return point[0].mapping, point[1]


@pytest.mark.parametrize(("pod", "near", "far"), [(32, True, False), (16, True, False), (8, True, True), (1, False, True)])
def test_a_group_sees_the_networks_it_spans(pod, near, far):
    base = changed(PASSAGE, {"cluster.pod.size": pod})
    usual = _terms(base)["tensor parallel"]
    assert (_terms(multiplied(base, scale_up=2))["tensor parallel"] < usual) is near
    assert (_terms(multiplied(base, scale_out=2))["tensor parallel"] < usual) is far
