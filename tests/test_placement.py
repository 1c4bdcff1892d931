"""Do the formulas place as many members of a group in a pod as laying out the ranks does?"""

import itertools

import cases
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.mapping.placement import place, placement

LAYOUTS = [  # tp, cp, dp, pp, ep, etp
    (4, 1, 16, 2, 8, 4),
    (4, 2, 8, 2, 16, 1),
    (8, 1, 4, 4, 8, 2),
    (1, 1, 32, 1, 32, 1),
    (2, 4, 4, 4, 4, 2),
]
PODS = [1, 2, 4, 8, 32, 128]


def _members(layout):
    """Device numbers of the first group of each kind, tensor ranks innermost, pipeline stages outermost."""
    tp, cp, dp, pp, ep, etp = layout
    copies = tp * cp * dp // (ep * etp)
    return {
        "tensor": list(range(tp)),
        "context": [tp * c for c in range(cp)],
        "data": [tp * (c + cp * d) for d in range(dp) for c in range(cp)],
        "pipeline": [tp * cp * dp * p for p in range(pp)],
        "expert_tensor": list(range(etp)),
        "expert": [etp * e for e in range(ep)],
        "expert_data": [ep * etp * c for c in range(copies)],
    }


@pytest.mark.parametrize(("layout", "pod"), list(itertools.product(LAYOUTS, PODS)))
def test_the_members_in_a_pod_are_those_the_layout_puts_there(layout, pod):
    mapping = cases.mapping("full", **dict(zip(("tp", "cp", "dp", "pp", "ep", "etp"), layout, strict=True)))
    groups = placement(mapping, jnp.asarray(float(pod)))
    members = _members(layout)
    assert set(members) == set(groups._fields)
    for kind, devices in members.items():
        group = getattr(groups, kind)
        in_first = sum(device < pod for device in devices)
        assert float(group.size) == len(devices), kind
        assert float(group.inside) == in_first, kind
        assert float(group.domains) == len({device // pod for device in devices}), kind


@pytest.mark.parametrize("rules", ["full", "paper"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_inside_times_domains_is_the_group(layout, rules):
    mapping = cases.mapping(rules, **dict(zip(("tp", "cp", "dp", "pp", "ep", "etp"), layout, strict=True)))
    previous = None
    for pod in np.geomspace(1, 1000, 25):
        groups = placement(mapping, jnp.asarray(pod))
        for group in groups:
            np.testing.assert_allclose(group.inside * group.domains, group.size, rtol=1e-14)
            assert 1 <= group.inside <= group.size
        inside = np.array([float(group.inside) for group in groups])
        assert previous is None or np.all(inside >= previous), "a larger pod holds fewer"
        previous = inside
    assert all(group.domains == 1 for group in groups)


def test_groups_whole_or_not_at_all():
    def inside(size, stride, pod, placed):
        return float(place(*(jnp.asarray(float(v)) for v in (size, stride, pod, 0, placed))).inside)

    assert inside(8, 4, 32, 1) == 8
    assert inside(8, 4, 16, 1) == 1
    assert inside(8, 4, 16, 2) == 2
    assert inside(1, 64, 16, 5) == 1


def test_the_rule_of_the_passage_paper():
    # tp 16, etp 4, ep 32: an expert group spans 128 devices; a pod of 144 holds it, one of 64 only what tp brought in
    mapping = cases.mapping("paper", dp=256, tp=16, pp=8, ep=32, etp=4)
    large, small = (placement(mapping, jnp.asarray(pod)) for pod in (144.0, 64.0))
    assert (float(large.expert.inside), float(large.expert.domains)) == (32, 1)
    assert (float(small.expert.inside), float(small.expert.domains)) == (4, 8)
    assert float(small.tensor.inside) == 16
    assert float(small.data.inside) == float(large.data.inside) == 1
