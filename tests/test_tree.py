"""Are nodes read and replaced where a path says, in every member of a choice and the outer ones first?"""

import itertools

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import as_float
from codesign.topology.choice import Choice

CATALOGUE = load_catalogue(SHIPPED).rows
ROWS = {name: row.module for name, row in CATALOGUE["fabrics"].items()}
NAMES = tuple(ROWS)
SWITCHES = {name: CATALOGUE["switches"][name].module for name in ("eps_100g", "eps_800g")}
CLUSTER = cases.system("mixnet_sim")
OPEN = tree.put(CLUSTER, {"fabric": Choice(tuple(ROWS.values()), index=as_float(0))})
"""The same cluster with every fabric at once."""
INSIDE = ("switch", "switch.radix", "trunk.reach", "region", "block_side", "group_share", "near.switch", "near.switch.radix", "tiers")
"""Paths below a fabric that some of them have."""


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_array_equal(a, b)


def having(inner):
    return [name for name, row in ROWS.items() if tree.has(row, inner)]


def member(cluster, name):
    return cluster.fabric.members[NAMES.index(name)]


def changed(node):
    """A number or part like `node` with other values."""
    return jax.tree.map(lambda leaf: leaf + 1, node)


# one node


@pytest.mark.parametrize("path", ["devices", "device.package.die", "fabric.switch.radix", "pod.network.switch.latency"])
def test_what_is_put_is_what_is_got_and_nothing_else_moves(path):
    value = changed(tree.get(CLUSTER, path))
    other = tree.put(CLUSTER, {path: value})
    same(tree.get(other, path), value)
    same(tree.put(other, {path: tree.get(CLUSTER, path)}), CLUSTER)
    same(tree.put(CLUSTER, {}), CLUSTER)


@pytest.mark.parametrize("cluster", [CLUSTER, OPEN], ids=["one fabric", "a choice"])
@pytest.mark.parametrize("path", ["", "fabrik", "fabric.nothing", "fabric.switch.nothing", "pod.region", "fabric.members.0", "devices.x"])
def test_a_path_that_leads_nowhere(cluster, path):
    assert not tree.has(cluster, path)
    with pytest.raises(AttributeError):
        tree.get(cluster, path)
    with pytest.raises(AttributeError):
        tree.put(cluster, {path: as_float(1)})
    with pytest.raises(AttributeError):
        tree.put(cluster, {"devices": as_float(1), path: as_float(1)})


# through a choice


@pytest.mark.parametrize("inner", INSIDE)
def test_a_choice_has_what_one_member_has(inner):
    owners = having(inner)
    assert 0 < len(owners) < len(ROWS)
    assert tree.has(OPEN, f"fabric.{inner}")
    same(tree.get(OPEN, f"fabric.{inner}"), tree.get(ROWS[owners[0]], inner))


@pytest.mark.parametrize("inner", INSIDE)
def test_a_node_is_replaced_in_every_member_that_has_it(inner):
    value = changed(tree.get(OPEN, f"fabric.{inner}"))
    other = tree.put(OPEN, {f"fabric.{inner}": value})
    for name, row in ROWS.items():
        same(member(other, name), tree.put(row, {inner: value}) if name in having(inner) else row)
    same(other.fabric.index, OPEN.fabric.index)
    same(tree.put(other, {"fabric": CLUSTER.fabric}), CLUSTER)


def test_a_member_that_stands_twice_is_replaced_twice():
    twice = Choice((ROWS["fat_tree"], ROWS["fat_tree"]), index=as_float(1))
    other = tree.put(twice, {"switch.radix": as_float(7), "tiers": as_float(2)})
    assert [(float(m.switch.radix), float(m.tiers)) for m in other.members] == [(7, 2), (7, 2)]


def test_the_number_of_the_member_is_a_node():
    assert float(tree.get(tree.put(OPEN, {"fabric.index": as_float(3)}), "fabric.index")) == 3


def test_a_batch_goes_into_every_member():
    radix = jnp.array([8.0, 16.0, 32.0])

    def capacities(values):
        opened = tree.put(OPEN, {"fabric.switch.radix": values})
        return [m.limits(OPEN.fabric_ends).capacity for m in opened.fabric.members if tree.has(m, "switch.radix")]

    batch = jax.jit(jax.vmap(capacities))(radix)
    for row, value in enumerate(radix):
        np.testing.assert_allclose([found[row] for found in batch], capacities(value), rtol=1e-12)


# one inside the other


NESTED = {
    "a number of a new part": {"fabric.switch": SWITCHES["eps_100g"], "fabric.switch.radix": as_float(7)},
    "two levels": {
        "device": changed(CLUSTER.device),
        "device.package": changed(changed(CLUSTER.device.package)),
        "device.package.dies": as_float(4),
    },
    "a level left out": {"device": changed(CLUSTER.device), "device.package.die.width": as_float(1e-2)},
    "names that begin alike": {"device": changed(CLUSTER.device), "devices": as_float(5), "device.scale_up.efficiency": as_float(0.5)},
}


@pytest.mark.parametrize("values", NESTED.values(), ids=NESTED)
def test_outer_nodes_are_replaced_before_inner_ones_in_any_order(values):
    ways = [tree.put(CLUSTER, dict(order)) for order in itertools.permutations(values.items())]
    for other in ways:
        same(other, ways[0])
    deepest = {path: value for path, value in values.items() if not any(longer.startswith(path + ".") for longer in values)}
    for path, value in deepest.items():
        same(tree.get(ways[0], path), value)
    step = CLUSTER
    for path in sorted(values, key=lambda path: path.count(".")):
        step = tree.put(step, {path: values[path]})
    same(ways[0], step)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_fabric_is_changed_where_it_differs_from_the_old(name):
    own = [path for path, _, _ in tree.leaves(ROWS[name])]
    values = {f"fabric.{path}": changed(tree.get(ROWS[name], path)) for path in own}
    other = tree.put(CLUSTER, {**values, "fabric": ROWS[name]})
    same(other.fabric, tree.put(ROWS[name], {path: values[f"fabric.{path}"] for path in own}))
    foreign = next(path for row in ROWS.values() for path, _, _ in tree.leaves(row) if not tree.has(ROWS[name], path))
    with pytest.raises(AttributeError):
        tree.put(CLUSTER, {"fabric": ROWS[name], f"fabric.{foreign}": as_float(1)})


def test_a_number_of_a_new_part_in_every_member():
    values = {"fabric.switch.radix": as_float(7), "fabric.switch": SWITCHES["eps_800g"]}
    other = tree.put(OPEN, values)
    for name in having("switch"):
        found = member(other, name).switch
        assert float(found.radix) == 7
        same(tree.put(found, {"radix": SWITCHES["eps_800g"].radix}), SWITCHES["eps_800g"])
    same(member(other, "tiered"), ROWS["tiered"])
