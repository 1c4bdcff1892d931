"""Does a failure never pay, does goodput fall with every rate of failure, and is what is left of a cluster counted right?"""

import functools
import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.performance.failures import (
    Failure,
    Reliability,
    goodput,
    pipeline_slowdown,
    with_spare_device,
    with_spare_pod,
    without_circuit_port,
    without_interface,
)

TABLES = load_catalogue(SHIPPED).rows
FABRICS = {name: row.module for name, row in TABLES["fabrics"].items()}
KINDS = {name: row.module for name, row in TABLES["failures"].items()}
MACHINE, WORKLOAD = cases.system("mixnet_sim"), cases.workload("olmoe_1b_7b")
PORTS = as_float(8)
LOSSES = {
    "interface": functools.partial(without_interface, ports=PORTS),
    "circuit port": functools.partial(without_circuit_port, ports=PORTS),
    "device": with_spare_device,
    "pod": with_spare_pod,
}
MAPPINGS = {
    "experts in a pod": {"dp": 256, "pp": 4, "ep": 8},
    "experts over four pods": {"dp": 256, "pp": 4, "ep": 32},
    "tensors in a pod, experts over eight": {"dp": 32, "tp": 8, "pp": 4, "ep": 16},
}
DAY = 86400.0
SLOWDOWNS, PARTS = (1.0, 1.03, 1.5, 20.0), (1.0, 100.0, 1e4, 1e6)


def with_fabric(name, **numbers):
    return tree.put(MACHINE, {"fabric": FABRICS[name]} | {f"fabric.{key}": as_float(value) for key, value in numbers.items()})


def slowdowns(cluster, losses=tuple(LOSSES)):
    """Step times after each loss over those before, (losses, mappings)."""
    clusters = [cluster, *(LOSSES[name](cluster) for name in losses)]
    mappings = [cases.mapping("megatron_core_plain", **degrees) for degrees in MAPPINGS.values()]
    designs = tree.stack([Design(left, mapping) for left in clusters for mapping in mappings])
    times = jax.vmap(lambda design: evaluate(design, WORKLOAD).step_time)(designs).reshape(len(clusters), len(mappings))
    return np.asarray(times[1:] / times[0])


def failure(parts=1000.0, slowdown=1.5, between=1000.0, repair=1.0, restart=0.0):
    """Days between failures of a part and for its repair, seconds for a restart."""
    reliability = Reliability(mean_time_between=between * DAY, repair_time=repair * DAY, restart_time=restart)
    return Failure(as_float(parts), reliability, as_float(slowdown))


# what is left


@pytest.mark.parametrize("name", FABRICS)
def test_no_failure_makes_a_step_faster(name):
    found = slowdowns(with_fabric(name))
    assert np.all(np.isfinite(found))
    assert np.all(found >= 1 - 1e-12), dict(zip(LOSSES, found, strict=True))
    assert np.all(found[0] > 1), "data-parallel traffic has a port less"


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 0.875, 0.95])
def test_ports_of_a_pod_with_circuits_are_lost_one_by_one(share):
    cluster = with_fabric("optical_circuits", optical_share=share)
    ports = float(cluster.pod.size * cluster.device.scale_out.bandwidth)

    def rates(left):
        whole = float(left.pod.size * left.device.scale_out.bandwidth) / ports * 8
        return whole * float(left.fabric.optical_share), whole * (1 - float(left.fabric.optical_share))

    assert rates(cluster) == pytest.approx((8 * share, 8 - 8 * share))
    assert rates(without_circuit_port(cluster, PORTS)) == pytest.approx((8 * share - 1, 8 - 8 * share))
    electrical = 7 - 8 * share
    expected = (8 * share, electrical) if electrical > 0.07 else (0.99 * 7, 0.01 * 7)
    assert rates(without_interface(cluster, PORTS)) == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.05, 0.125])
def test_the_last_circuit_port_of_a_pod_can_be_lost(share):
    cluster = with_fabric("optical_circuits", optical_share=share)
    found = slowdowns(cluster, ("interface", "circuit port"))
    assert np.all(np.isfinite(found))
    assert np.all(found >= 1 - 1e-12)


@pytest.mark.parametrize("name", [name for name in FABRICS if name != "optical_circuits"])
def test_other_fabrics_lose_one_port_of_a_pod_whichever_it_is(name):
    cluster = with_fabric(name)
    for loss in (without_interface, without_circuit_port):
        left = loss(cluster, PORTS)
        assert float(left.device.scale_out.bandwidth) == pytest.approx(7 / 8 * float(cluster.device.scale_out.bandwidth), rel=1e-14)
        assert jax.tree.leaves(left.fabric) == jax.tree.leaves(cluster.fabric)
    assert with_spare_pod(cluster) is cluster


def test_a_spare_device_is_reached_over_all_ports_of_its_pod():
    left = with_spare_device(MACHINE)
    up, out = MACHINE.device.scale_up, MACHINE.device.scale_out
    expected = 8 * out.bandwidth * out.efficiency / up.efficiency
    assert float(expected) < float(up.bandwidth)
    assert float(left.device.scale_up.bandwidth) == pytest.approx(float(expected), rel=1e-14)
    wide = tree.put(MACHINE, {"device.scale_out.bandwidth": 10 * out.bandwidth})
    assert float(with_spare_device(wide).device.scale_up.bandwidth) == float(up.bandwidth)


def test_a_spare_pod_has_no_circuits():
    cluster = with_fabric("optical_circuits", region=256)
    assert float(with_spare_pod(cluster).fabric.region) == float(cluster.pod.size)


# pipelines


@pytest.mark.parametrize(
    ("stage", "micro_batches", "stages", "slowdown"),
    [(2, 8, 8, 23 / 15), (1, 8, 8, 1), (3, 5, 1, 3), (2, 1, 4, 5 / 4), (1.5, 16, 4, 27 / 19)],
)
def test_one_slow_stage_by_hand(stage, micro_batches, stages, slowdown):
    assert float(pipeline_slowdown(*map(as_float, (stage, micro_batches, stages)))) == pytest.approx(slowdown, rel=1e-14)


@pytest.mark.parametrize("stage", SLOWDOWNS)
def test_a_slow_stage_slows_a_step_by_less_than_itself(stage):
    batches, stages = jnp.asarray([1.0, 2.0, 8.0, 64.0, 1e6])[:, None], jnp.asarray([1.0, 2.0, 16.0, 1e6])
    found = np.asarray(pipeline_slowdown(as_float(stage), batches, stages))
    assert np.all((found >= 1) & (found <= stage * (1 + 1e-15)))
    assert np.all(np.diff(found, axis=0) >= -1e-15)
    assert np.all(np.diff(found, axis=1) <= 1e-15)
    assert found[-1, 0] == pytest.approx(stage)
    assert found[0, -1] == pytest.approx(1, abs=1e-4)


# goodput


@pytest.mark.parametrize(
    ("failures", "expected"),
    [
        ([], 1),
        ([failure()], 1 / 1.5),  # always one part under repair
        ([failure(parts=500)], 1 / 1.25),
        ([failure(slowdown=1)], 1),
        ([failure(slowdown=1, restart=864)], 1 / 1.01),  # once a day a hundredth of a day
        ([failure(restart=864)], 1 / 1.5 / 1.01),
        ([failure(), failure(slowdown=2, repair=0.5)], 1 / 1.5 / 1.5),
        ([failure(repair=0, restart=864), failure(repair=0, restart=864, parts=2000)], 1 / 1.03),
    ],
)
def test_goodput_by_hand(failures, expected):
    assert float(goodput(failures)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_goodput_is_a_share_that_falls_with_parts_and_slowdown(kind):
    found = np.array([[float(goodput([Failure(as_float(n), KINDS[kind], as_float(s))])) for s in SLOWDOWNS] for n in PARTS])
    assert np.all((found > 0) & (found <= 1))
    assert np.all(np.diff(found, axis=0) < 0)
    assert np.all(np.diff(found, axis=1) < 0)


@pytest.mark.parametrize(("number", "sign"), [("between", 1), ("repair", -1), ("restart", -1), ("parts", -1), ("slowdown", -1)])
def test_goodput_is_monotone_in_every_rate(number, sign):
    base = {"parts": 100.0, "slowdown": 1.2, "between": 300.0, "repair": 0.5, "restart": 600.0}
    found = [float(goodput([failure(**base | {number: factor * base[number]}), failure()])) for factor in (1.0, 2.0, 5.0, 50.0)]
    assert np.all(sign * np.diff(found) > 0)


def test_kinds_of_failures_count_in_any_order_and_each_takes_its_share():
    failures = [Failure(as_float(1024), reliability, as_float(1.05)) for reliability in KINDS.values()]
    found = {float(goodput(order)) for order in itertools.permutations(failures)}
    assert max(found) == pytest.approx(min(found), rel=1e-12)
    shares = [float(goodput(failures[:count])) for count in range(len(failures) + 1)]
    assert shares[0] == 1
    assert np.all(np.diff(shares) < 0)


@pytest.mark.parametrize("slowdown", [0.5, 0.99])
def test_a_group_that_a_failure_speeds_up_speeds_up_nobody(slowdown):
    """The others are as fast as before, and the step waits for them."""
    assert float(goodput([failure(slowdown=slowdown)])) <= 1
    assert float(pipeline_slowdown(as_float(slowdown), as_float(8), as_float(4))) >= 1


def test_slopes_are_finite():
    def share(parts, between, repair, restart, slowdown):
        reliability = Reliability(mean_time_between=between, repair_time=repair, restart_time=restart)
        return goodput([Failure(parts, reliability, slowdown)])

    for parts, repair, restart, slowdown in itertools.product((0.0, 1e5), (0.0, DAY), (0.0, 600.0), (1.0, 3.0)):
        found = jax.grad(share, tuple(range(5)))(*map(as_float, (parts, 1000 * DAY, repair, restart, slowdown)))
        assert np.all(np.isfinite(found))
        assert np.all(np.array(found) * np.array([-1, 1, -1, -1, -1]) >= 0)
