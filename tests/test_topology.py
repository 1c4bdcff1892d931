"""Which laws does every network obey? Over each class that can stand in a cluster or a pod, and every row of `fabrics`."""

import functools
import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign import tree
from codesign.cluster import Cluster, Pod
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.config.schema import members_at
from codesign.fields import as_float
from codesign.topology.choice import Choice
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.topology.tiered import Tiered
from codesign.units import unit_factor

ROWS = {name: row.module for name, row in load_catalogue(SHIPPED).rows["fabrics"].items()}
IN_CLUSTER, IN_POD = members_at(Cluster, "fabric"), members_at(Pod, "network")
MACHINE = cases.system("mixnet_sim")
MESH = cases.system("chiplight").pod.network
PODS = {"switched_pod": MACHINE.pod.network, "package_mesh": MESH} | {name: row for name, row in ROWS.items() if isinstance(row, IN_POD)}
NETWORKS = {name: (row, False) for name, row in ROWS.items()} | {f"pod: {name}": (row, True) for name, row in PODS.items()}
"""By name: the network, and whether it joins the devices of a pod (else the pods of a cluster)."""
CHUNK, STEP = 64, 1e-5
ROWS_OF_DIES, GAP = as_float(3.7), as_float(1.3e-4)
SENT = 1e9

SPREAD = [
    (1, 1, 1), (8, 8, 1), (16, 8, 1), (32, 8, 1), (64, 8, 1), (256, 8, 1), (1024, 8, 1),
    (2, 1, 8), (16, 4, 2), (128, 1, 8), (2, 1, 512), (16, 1, 64), (100.7, 6.3, 1.2),
]  # fmt: skip
"""Groups of a cluster of 1,024 in pods of 8: ranks, of them in one pod, stride."""
INSIDE = [(1, 1, 1), (2, 1, 1), (8, 1, 1), (64, 1, 1), (4, 1, 2), (2, 1, 32), (7.3, 1, 1.4)]
"""Groups of a pod of 64."""
FASTER_WHEN_LARGER = {
    "Dragonfly": "few groups have few direct links to one another, the whole machine has all",
    "DragonflyPlus": "as the dragonfly",
}
"""Classes in which an all-to-all of more ranks may truly take less time."""

every_network = pytest.mark.parametrize("name", NETWORKS)


def group(size, inside, stride):
    return Group(*map(as_float, (size, inside, stride)))


def ends_of(name, devices=None, pod=None):
    """What a network joins: 1,024 devices in pods of 8, or 64 devices of one pod."""
    inside = NETWORKS[name][1]
    values = {"devices": devices or 1024.0, "pod.size": pod or 8.0} if not inside else {"pod.size": devices or 64.0}
    machine = tree.put(MACHINE, {path: as_float(value) for path, value in values.items()})
    return machine.pod_ends if inside else machine.fabric_ends


def groups_of(name):
    return [group(*sizes) for sizes in (INSIDE if NETWORKS[name][1] else SPREAD)]


def points_of(name, **size):
    """The network as shipped, under every group."""
    return [(NETWORKS[name][0], g, ends_of(name, **size)) for g in groups_of(name)]


def answers(network, ranks, ends):
    """Everything that a network answers."""
    tiers = {kind: getattr(network, kind)(ranks, ends) for kind in ("all_to_all", "ring", "send")}
    found = {f"{kind}.{part}": value for kind, tier in tiers.items() for part, value in tier._asdict().items()}
    bill = network.bill(ends)
    found |= {"bisection": network.bisection(ends), "cost": bill.cost, "power": bill.power}
    found |= network.limits(ends)._asdict() | network.switching(ranks, ranks, ranks, ends)._asdict()
    return dict(sorted(found.items()))  # as compiled functions return them


def vector_of(point):
    """All leaves of a point, as numbers in a row."""
    return np.array([float(leaf) for leaf in jax.tree.leaves(point)])


def answers_of(vector, structure):
    return answers(*jax.tree.unflatten(structure, list(vector)))


@functools.partial(jax.jit, static_argnums=1)
def compiled_answers(vectors, structure):
    return jax.vmap(lambda v: answers_of(v, structure))(vectors)


@functools.partial(jax.jit, static_argnums=1)
def slopes_at(vectors, structure):
    """Reverse-mode slopes of every answer to every leaf, (points, answers, leaves)."""
    return jax.vmap(jax.jacrev(lambda v: jnp.stack(list(answers_of(v, structure).values()))))(vectors)


def answers_at(vectors, structure):
    """Answers at rows of leaves, in chunks of one size, so that each network is compiled once."""
    rows = np.arange(-(-len(vectors) // CHUNK) * CHUNK).clip(max=len(vectors) - 1).reshape(-1, CHUNK)
    parts = [compiled_answers(vectors[chunk], structure) for chunk in rows]
    return {key: np.concatenate([part[key] for part in parts])[: len(vectors)] for key in parts[0]}


def at(points):
    """Answers at a list of points of one structure, each an array."""
    return answers_at(np.stack([vector_of(point) for point in points]), jax.tree.structure(points[0]))


def slopes(points):
    """Slopes at up to 16 points of one structure, in one compiled call."""
    vectors = np.stack([vector_of(points[min(i, len(points) - 1)]) for i in range(16)])
    return np.asarray(slopes_at(vectors, jax.tree.structure(points[0])))[: len(points)]


def seconds(found, kind="all_to_all", sent=SENT):
    return found[f"{kind}.latency"] + sent / found[f"{kind}.bandwidth"]


def multiplied(network, factor, *endings):
    """`network` with every leaf whose name ends so multiplied."""
    return tree.put(network, {path: factor * value for path, _, value in tree.leaves(network) if path.endswith(endings)})


def generic(module, seed):
    """`module` with every leaf moved off its value, inside its bounds: no two sides of a maximum are equal."""
    generator, values = np.random.default_rng(seed), {}
    for path, declared, value in tree.leaves(module):
        moved = float(value) * generator.uniform(0.9, 1.1) or generator.uniform(0.2, 0.4) * unit_factor(declared.unit)[0]
        low, high = declared.low * 1.05, declared.high * 0.95
        values[path] = as_float(min(max(moved, low), high) if low < high else moved)
    return tree.put(module, values)


def generic_points(name):
    """Points away from kinks: real sizes, every leaf moved."""
    network, inside = NETWORKS[name]
    sizes = [(7.3, 1.0, 1.41), (37.9, 1.0, 1.17), (2.7, 1.0, 13.3)] if inside else [
        (37.3, 5.9, 1.13), (611.7, 7.3, 1.07), (131.9, 4.1, 2.3), (11.7, 1.3, 71.3), (13.3, 5.1, 1.37),
    ]  # fmt: skip
    points = []
    for seed, ranks in enumerate(sizes):
        ends = ends_of(name)
        devices, pod = ends.devices * 0.993, ends.pod if inside else ends.pod * 0.987
        ends = Endpoints(
            devices, pod, generic(ends.port, seed), Tier(ends.inner.bandwidth * 0.71, as_float(1.3e-6)), ends.site, ROWS_OF_DIES, GAP
        )
        points.append((generic(network, seed), group(*ranks), ends))
    return points


def test_every_class_is_tested():
    assert {type(row) for row in ROWS.values()} == set(IN_CLUSTER)
    assert {type(row) for row in PODS.values()} == set(IN_POD)


@every_network
def test_rates_are_positive_and_never_exceed_the_devices_own(name):
    for devices in (8, 16, 64, 1024, 16512):
        points = points_of(name, devices=devices)
        found, rate = at(points), float(points[0][2].rate)
        for kind in ("all_to_all", "ring", "send"):
            assert (found[f"{kind}.bandwidth"] > 0).all()
            assert (found[f"{kind}.bandwidth"] <= rate * (1 + 1e-12)).all(), (kind, devices)
            assert (found[f"{kind}.latency"] >= 0).all()
        assert (found["bisection"] > 0).all()
        assert (found["bisection"] <= rate * (1 + 1e-12)).all(), devices


@every_network
def test_slopes_are_central_differences(name):
    points = generic_points(name)
    exact = slopes(points)
    for number, point in enumerate(points):
        vector = vector_of(point)
        step = STEP * vector
        moved = np.concatenate([vector + np.diag(step), vector - np.diag(step), vector[None]])
        found = np.stack(list(answers_at(moved, jax.tree.structure(point)).values()))
        assert vector.all()
        up, down, middle = found[:, : len(vector)], found[:, len(vector) : -1], found[:, -1:]
        assert np.isfinite(found).all()
        scale = np.abs(middle) + (middle == 0)
        bend = np.abs(up + down - 2 * middle) / scale
        assert bend.max() < 1e-7, "a kink, or a jump"
        error = np.abs(exact[number] * step - (up - down) / 2) / STEP / scale
        assert error.max() < 1e-6, (list(answers(*point))[int(error.max(1).argmax())], int(error.max(0).argmax()))


def corner_points(name):
    """Groups of one rank and of one pod, one node, two nodes; every leaf of the network at its lowest and at its highest."""
    network = NETWORKS[name][0]
    pods = (1, 2, 64) if NETWORKS[name][1] else (8, 16, 1024)
    few, whole = groups_of(name)[:3], [group(n, 1 if NETWORKS[name][1] else 8, 1) for n in pods]
    bounds = [tree.put(network, {p: as_float(getattr(q, end)) for p, q, _ in tree.leaves(network)}) for end in ("low", "high")]
    points = [(network, g, ends_of(name, devices=n)) for n, last in zip(pods, whole, strict=True) for g in (*few[:2], last)]
    return points + [(bound, g, ends_of(name)) for bound in bounds for g in (*few[:2], whole[-1])]


@every_network
def test_answers_and_slopes_are_finite_at_corners(name):
    points = corner_points(name)
    for key, values in at(points).items():
        assert np.isfinite(values).all(), key
    keys = list(answers(*points[0]))
    wrong = np.argwhere(~np.isfinite(slopes(points)))
    assert not len(wrong), {(int(p), keys[a]) for p, a, _ in wrong}


@every_network
def test_a_bill_grows_with_the_devices_and_prices_do_not(name):
    network, inside = NETWORKS[name]
    once, thrice = (network.bill(ends_of(name, devices=n)) for n in ((64, 192) if inside else (1024, 3072)))
    assert float(once.cost) > 0
    assert float(once.power) > 0
    for part, item in once._asdict().items():
        many = getattr(thrice, part)
        np.testing.assert_allclose(many.amount, 3 * item.amount, rtol=1e-12, err_msg=part)
        np.testing.assert_allclose((many.price, many.power), (item.price, item.power), rtol=1e-12, err_msg=part)


def with_bandwidth(ends, factor):
    return ends._replace(port=tree.put(ends.port, {"bandwidth": factor * ends.port.bandwidth}))


@every_network
def test_twice_the_ports_never_slow(name):
    points = points_of(name)
    faster = at([(network, g, with_bandwidth(ends, 2)) for network, g, ends in points])
    for kind in ("all_to_all", "ring", "send"):
        assert (seconds(faster, kind) <= seconds(at(points), kind) * (1 + 1e-12)).all(), kind


@every_network
def test_ports_of_twice_the_rate_halve_what_the_pods_below_do_not_hold_up(name):
    fast = Tier(as_float(1e30), as_float(0))
    points = [(network, g, ends._replace(inner=fast)) for network, g, ends in points_of(name)]
    doubled = [(multiplied(network, 2, "port_bandwidth"), g, with_bandwidth(ends, 2)) for network, g, ends in points]
    before, after = at(points), at(doubled)
    for kind in ("all_to_all", "ring", "send"):
        np.testing.assert_allclose(after[f"{kind}.bandwidth"], 2 * before[f"{kind}.bandwidth"], rtol=1e-12)
        np.testing.assert_allclose(after[f"{kind}.latency"], before[f"{kind}.latency"], rtol=1e-12)
    np.testing.assert_allclose(after["bisection"], 2 * before["bisection"], rtol=1e-12)
    np.testing.assert_allclose(after["circuit_ports"], before["circuit_ports"], rtol=1e-12)
    (network, _, ends), (other, _, wider) = points[0], doubled[0]
    for part, item in network.bill(ends)._asdict().items():
        np.testing.assert_allclose(getattr(other.bill(wider), part).amount, item.amount * (1 if part == "circuit_ports" else 2), rtol=1e-12)


@every_network
def test_an_all_to_all_of_twice_the_ranks_never_takes_less(name):
    network, inside = NETWORKS[name]
    if type(network).__name__ in FASTER_WHEN_LARGER:
        return
    sizes = [2.0**n for n in range(1, 7)] if inside else [2.0**n for n in range(4, 11)]
    own = 1.0 if inside else 8.0
    found = at([(network, group(size, own, 1), ends_of(name)) for size in sizes])
    across = SENT * (1 - own / np.array(sizes))  # of which a rank keeps its own part, and its pod's
    times = across / found["all_to_all.bandwidth"]
    assert (np.diff(times) >= -1e-12 * times[1:]).all(), times
    assert (np.diff(found["all_to_all.latency"]) >= -1e-15).all()


@every_network
def test_the_whole_machines_all_to_all_fits_through_its_bisection(name):
    """Machines of one or several whole blocks, for the formulas take blocks to be even."""
    network = NETWORKS[name][0]
    sizes = [float(getattr(network, block)) for block in ("leaf", "group_devices", "region") if hasattr(network, block)]
    for devices in [n * max([16.0, *sizes]) for n in (1, 2, 4, 16)]:
        ends = ends_of(name, devices=devices)
        found = at([(network, group(devices, ends.pod, 1), ends)])
        crossing = devices / 2 / (devices - float(ends.pod))  # of what leaves a pod, the share for the other half
        assert found["all_to_all.bandwidth"] * crossing <= found["bisection"] * (1 + 1e-9), devices


BLOCKS = [n for n, (network, _) in NETWORKS.items() if hasattr(network, "leaf") or hasattr(network, "group_devices")]


@pytest.mark.parametrize("name", BLOCKS)
def test_traffic_that_stays_in_one_block_of_switches_has_the_devices_rate(name):
    network, inside = NETWORKS[name]
    block = float(getattr(network, "leaf", None) or network.group_devices)
    ends = ends_of(name)
    sizes = [2.0**n for n in range(1, 7) if float(ends.pod) < 2.0**n <= block]
    found = at([(network, group(size, 1 if inside else 8, 1), ends) for size in sizes])
    for kind in ("all_to_all", "ring", "send"):
        np.testing.assert_allclose(found[f"{kind}.bandwidth"], float(ends.rate), rtol=1e-12, err_msg=kind)


@every_network
def test_limits_are_demands_with_positive_bounds(name):
    for devices in (8, 64, 1024, 16512):
        limits = NETWORKS[name][0].limits(ends_of(name, devices=devices))._asdict()
        assert all(np.isfinite(value) for value in limits.values())
        assert all(limits[key] >= 0 for key in ("host_span", "trunk_span", "radix", "circuit_ports"))
        assert all(limits[key] > 0 for key in ("capacity", "trunk_reach", "radix_limit", "circuit_ports_limit"))


def eager(point):
    return {key: np.asarray(value) for key, value in answers(*point).items()}


@every_network
def test_eager_is_compiled_is_mapped_is_broadcast(name):
    network, ends = NETWORKS[name][0], ends_of(name)
    ranks = [g for g in groups_of(name) if float(g.inside) == float(groups_of(name)[2].inside)][:3]
    size, stride = (jnp.stack([getattr(g, field) for g in ranks]) for field in ("size", "stride"))
    factors = (1.0, 1.7)
    loop = [[eager((network, g, with_bandwidth(ends, f))) for g in ranks] for f in factors]
    mapped = at([(network, g, with_bandwidth(ends, f)) for f, g in itertools.product(factors, ranks)])
    together = network, Group(size, ranks[0].inside, stride), with_bandwidth(ends, jnp.array(factors)[:, None])
    broadcast, compiled = eager(together), jax.jit(answers)(*together)
    for key in loop[0][0]:
        expected = np.array([[found[key] for found in row] for row in loop])
        np.testing.assert_allclose(mapped[key].reshape(expected.shape), expected, rtol=1e-12, err_msg=key)
        np.testing.assert_allclose(np.broadcast_to(broadcast[key], expected.shape), expected, rtol=1e-12, err_msg=key)
        np.testing.assert_allclose(np.broadcast_to(compiled[key], expected.shape), expected, rtol=1e-12, err_msg=key)


def test_a_choice_answers_as_its_member():
    members, name = tuple(ROWS.values()), next(iter(ROWS))
    ranks, ends = group(256, 8, 1), ends_of(name)
    chosen = jax.jit(jax.vmap(lambda i: answers(Choice(members, index=i), ranks, ends)))(jnp.arange(float(len(members))))
    one = answers(Choice(members, index=as_float(3)), ranks, ends)
    for number, member in enumerate(members):
        for key, value in answers(member, ranks, ends).items():
            np.testing.assert_allclose(chosen[key][number], value, rtol=1e-12, err_msg=key)
            assert number != 3 or float(one[key]) == float(value), key


def test_a_choice_has_the_slopes_of_its_member():
    members, ranks, ends = tuple(ROWS.values()), group(256, 8, 1), ends_of(next(iter(ROWS)))

    def time(network, bandwidth):
        port = tree.put(ends.port, {"bandwidth": bandwidth})
        tier = network.all_to_all(ranks, ends._replace(port=port))
        return tier.latency + SENT / tier.bandwidth

    slope = jax.grad(time, (0, 1), allow_int=True)
    for number, member in enumerate(members):
        mine, own = slope(Choice(members, index=as_float(number)), ends.port.bandwidth), slope(member, ends.port.bandwidth)
        np.testing.assert_allclose(mine[1], own[1], rtol=1e-12)
        for place, found in enumerate(mine[0].members):
            expected = own[0] if place == number else jax.tree.map(jnp.zeros_like, found)
            for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=0)


PAIRS = list(itertools.product(("fat_tree", "rail_only", "torus", "patch_panel"), ("fat_tree", "dragonfly_plus", "rail_circuits")))
REGION = 64.0


def two_tiers(near, far, share):
    """A network of both, and what each of them joins."""
    both, ends = Tiered(ROWS[near], ROWS[far], region=REGION, near_share=share), ends_of("tiered")
    return both, ends, with_bandwidth(ends, share)._replace(devices=as_float(REGION)), with_bandwidth(ends, 1 - share)


@pytest.mark.parametrize(("near", "far"), PAIRS)
def test_two_networks_are_the_sum_of_their_bills_and_each_rules_its_own_traffic(near, far):
    both, ends, region, rest = two_tiers(near, far, 0.6)
    regions = float(ends.devices) / REGION
    for measure in ("cost", "power"):
        parts = regions * getattr(both.near.bill(region), measure) + getattr(both.far.bill(rest), measure)
        np.testing.assert_allclose(getattr(both.bill(ends), measure), parts, rtol=1e-12)
    within, across = group(32, 8, 1), group(16, 1, REGION)
    for kind in ("all_to_all", "ring", "send"):
        for ranks, network, joined in ((within, both.near, region), (across, both.far, rest)):
            mine, own = getattr(both, kind)(ranks, ends), getattr(network, kind)(ranks, joined)
            np.testing.assert_allclose(mine.bandwidth, own.bandwidth, rtol=1e-12, err_msg=kind)
            assert mine.latency >= own.latency * (1 - 1e-12)
    np.testing.assert_allclose(both.bisection(ends), both.far.bisection(rest), rtol=1e-12)


def test_two_fat_trees_cost_what_one_does():
    for share in (0.2, 0.75):
        both, ends, *_ = two_tiers("fat_tree", "fat_tree", share)
        one, two = ROWS["fat_tree"].bill(ends), both.bill(ends)
        for part, item in one._asdict().items():
            np.testing.assert_allclose(getattr(two, part).amount, item.amount, rtol=1e-12, err_msg=part)
        np.testing.assert_allclose((two.cost, two.power), (one.cost, one.power), rtol=1e-12)


@pytest.mark.parametrize(("share", "member"), [(0.999999, "near"), (0.000001, "far")])
def test_almost_all_the_bandwidth_in_one_network_is_that_network(share, member):
    both, ends, *_ = two_tiers("rail_only", "fat_tree", share)
    ranks = group(32, 8, 1) if member == "near" else group(16, 1, REGION)
    alone = ends._replace(devices=as_float(REGION)) if member == "near" else ends
    for kind in ("all_to_all", "ring", "send"):
        own = getattr(getattr(both, member), kind)(ranks, alone)
        np.testing.assert_allclose(getattr(both, kind)(ranks, ends).bandwidth, own.bandwidth, rtol=1e-5, err_msg=kind)


@pytest.mark.parametrize(("far", "slower"), [("fat_tree", 1), ("fat_tree_3_to_1", 3)])
def test_a_ring_over_regions_sends_every_byte_of_the_outer_ring_up(far, slower):
    both, ends, *_ = two_tiers("fat_tree", far, 0.6)
    # 4 regions of 8 pods: 7/8 of the buffer moves inside regions, 3/4 of an eighth between them
    inner, across = 7 / 8, 3 / 4 / 8
    expected = (inner / 0.6 + across / 0.4 * slower) / (inner + across)
    assert float(ends.rate / both.ring(group(256, 8, 1), ends).bandwidth) == pytest.approx(expected, rel=1e-12)
