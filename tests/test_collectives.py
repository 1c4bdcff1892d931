"""Do collectives and routing give the textbook times of one switched network, two tiers and relays?"""

import jax.numpy as jnp
import pytest

from codesign.performance.collectives import all_gather_time, all_reduce_time, all_to_all_time, relayed_all_to_all_time
from codesign.topology.endpoints import Group, Tier
from codesign.workload.routing import distinct_destinations

GIGABYTE = 1e9
SLOW, FAST = Tier(jnp.float64(50e9), jnp.float64(0.0)), Tier(jnp.float64(450e9), jnp.float64(0.0))


def group(size, inside):
    return Group(jnp.float64(size), jnp.float64(inside), jnp.float64(1))


def milliseconds(seconds):
    return pytest.approx(1e3 * float(seconds), rel=1e-3)


def test_one_switched_network():
    sent = GIGABYTE * 64 / 63  # the bytes a rank keeps for itself are free
    assert milliseconds(all_to_all_time(sent, group(64, 1), FAST, SLOW)) == 20.0
    assert milliseconds(all_reduce_time(GIGABYTE, group(1024, 1), FAST, SLOW)) == 39.961
    assert milliseconds(all_gather_time(GIGABYTE, group(1024, 1), FAST, SLOW)) == 39.961 / 2


def test_two_tiers_of_eight_devices():
    sent = GIGABYTE * 64 / 63
    none = Tier(jnp.float64(1e30), jnp.float64(0.0))
    assert milliseconds(all_to_all_time(sent, group(64, 8), none, SLOW)) == 17.778
    assert milliseconds(all_to_all_time(sent, group(64, 8), FAST, none)) == 0.247
    # every rank of a pod hands 7/8 of what crosses to a neighbour: 17.778 ms x 50 GB/s x 7/8 at 450 GB/s
    forwarded = relayed_all_to_all_time(sent, sent, group(64, 8), FAST, none)
    assert milliseconds(forwarded) == pytest.approx(0.247 + 17.778 * 50 / 450 * 7 / 8, rel=1e-3)
    assert milliseconds(relayed_all_to_all_time(sent, sent, group(64, 8), none, SLOW)) == pytest.approx(17.778, rel=2e-2)
    assert milliseconds(all_reduce_time(GIGABYTE, group(1024, 8), none, SLOW)) == 4.961


def test_pods_that_each_get_a_token_once_save_what_duplicates_cost():
    sent = jnp.float64(GIGABYTE)
    full = relayed_all_to_all_time(sent, sent, group(64, 8), FAST, SLOW)
    once = relayed_all_to_all_time(sent, 0.6 * sent, group(64, 8), FAST, SLOW)
    assert float(once / full) == pytest.approx(0.6, rel=1e-12)


@pytest.mark.parametrize(
    ("experts", "top_k", "domains", "share"),
    [(64, 8, 8, 0.6791), (256, 8, 8, 0.6618), (256, 8, 256, 1.0), (8, 2, 8, 1.0), (64, 8, 1, 0.125)],
)
def test_distinct_destinations_of_experts_drawn_without_replacement(experts, top_k, domains, share):
    found = distinct_destinations(*map(jnp.float64, (experts, domains, top_k)))
    assert float(found) / top_k == pytest.approx(share, abs=5e-5)
