"""Is the closed form of a mesh of dies what counting bytes on every link gives?"""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from codesign.fields import as_float
from codesign.hardware.link import Port
from codesign.topology.endpoints import Endpoints, Group, Site, Tier
from codesign.topology.package_mesh import PackageMesh

LATENCY = 20e-9
MESH = PackageMesh(hop_latency=LATENCY)
SIDES = [(1, 2), (1, 4), (2, 2), (2, 4), (4, 4), (2, 8), (3, 3), (4, 8)]
"""Rows and columns."""
RATE = 1e12


def ends(rows, columns, rate=RATE):
    port = Port(None, bandwidth=rate, efficiency=1.0)
    one = jnp.ones(())
    return Endpoints(as_float(rows * columns), one, port, Tier(one, one), Site(one, one, one), as_float(rows), as_float(1e-4))


def group(size, stride=1):
    return Group(as_float(size), jnp.ones(()), as_float(stride))


def links_of_a_die(side):
    return min(side - 1, 2)


def busiest(rows, columns):
    """Bytes on the busiest link when every die sends one byte in equal parts to all others, along the row first."""
    load = {}
    nodes = list(itertools.product(range(rows), range(columns)))
    for start, end in itertools.permutations(nodes, 2):
        here = start
        for axis in (1, 0):
            while here[axis] != end[axis]:
                step = list(here)
                step[axis] += 1 if end[axis] > here[axis] else -1
                load[here, tuple(step)] = load.get((here, tuple(step)), 0.0) + 1 / (len(nodes) - 1)
                here = tuple(step)
    return max(load.values())


@pytest.mark.parametrize(("rows", "columns"), [s for s in SIDES if s[1] % 2 == 0])
def test_the_whole_mesh_exchanges_as_fast_as_its_busiest_link(rows, columns):
    link = RATE / (links_of_a_die(rows) + links_of_a_die(columns))
    found = MESH.all_to_all(group(rows * columns), ends(rows, columns)).bandwidth
    # a rectangle as square as it may be: rows up to the root of the dies
    if rows <= columns:
        assert float(found) == pytest.approx(link / busiest(rows, columns), rel=1e-12)


@pytest.mark.parametrize(("rows", "columns"), SIDES)
def test_no_answer_is_more_than_the_links_carry(rows, columns):
    e = ends(rows, columns)
    link = float(MESH.link_rate(e))
    assert link == pytest.approx(RATE / (links_of_a_die(rows) + links_of_a_die(columns)))
    whole = group(rows * columns)
    assert float(MESH.ring(whole, e).bandwidth) <= min(2, links_of_a_die(rows) + links_of_a_die(columns)) * link * (1 + 1e-12)
    assert float(MESH.send(whole, e).bandwidth) <= link * (1 + 1e-12)
    cut = float(MESH.bisection(e)) * rows * columns / 2
    assert cut <= min(rows, columns) * link * (1 + 1e-12) or max(rows, columns) == 2


@pytest.mark.parametrize("stride", [2, 4])
def test_interleaved_groups_share_links(stride):
    row, grid = ends(1, 8), ends(4, 4)
    assert float(MESH.ring(group(2, stride), row).bandwidth) == pytest.approx(float(MESH.ring(group(2), row).bandwidth) / stride)
    assert float(MESH.send(group(4, stride), grid).bandwidth) == pytest.approx(float(MESH.send(group(4), grid).bandwidth) / stride**0.5)


def test_one_die_alone_and_its_neighbours_gap():
    limits = MESH.limits(ends(1, 1))
    assert float(limits.host_span) == pytest.approx(1e-4)
    for kind in ("all_to_all", "ring", "send"):
        assert np.isfinite(float(getattr(MESH, kind)(group(1), ends(1, 1)).bandwidth))
