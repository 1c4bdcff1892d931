"""Is a combination of degrees legal exactly when counting layers, heads, experts and ranks says so?"""

import itertools

import cases
import numpy as np
import pytest

from codesign.mapping.lattice import data_parallel_degree, divides, legality

SHAPES = {
    "moe": {"layers": 6, "heads": 4, "experts": 8, "d_expert": 10, "global_batch": 16, "sequence": 6},
    "dense": {"layers": 7, "heads": 6, "experts": 0, "d_expert": 0, "global_batch": 8, "sequence": 4},
    "thin": {"layers": 5, "heads": 8, "experts": 6, "d_expert": 2.5, "global_batch": 12, "sequence": 8},
}
CHOICES = {"tp": (1, 2, 3, 4), "pp": (1, 2, 3, 4, 5), "cp": (1, 2), "ep": (1, 2, 3, 8, 16), "etp": (1, 2, 3), "micro_batch": (1, 2)}
DEVICES = 24


def _stages(layers, pp):
    """Layers of each stage when every stage but the last ones is filled up."""
    full = -(-layers // pp)
    return [max(0, min(full, layers - stage * full)) for stage in range(pp)]


def _by_counting(d, s):
    ranks_of_a_stage = d["dp"] * d["tp"] * d["cp"]
    moe = s["experts"] > 0
    return {
        "tp divides the heads": s["heads"] % d["tp"] == 0,
        "no pipeline stage is empty": min(_stages(s["layers"], d["pp"])) > 0,
        "etp divides tp": d["tp"] % d["etp"] == 0,
        "ep divides the experts": s["experts"] % d["ep"] == 0 if moe else d["ep"] == 1,
        "etp divides the width of an expert": s["d_expert"] % d["etp"] == 0 if moe else d["etp"] == 1,
        "experts have a whole width": s["d_expert"] % 1 == 0,
        "cp divides the sequence": s["sequence"] % d["cp"] == 0,
        "dp = devices / (tp pp cp) is a whole number": d["dp"] % 1 == 0 and d["dp"] >= 1,
        "dp x micro-batch divides the global batch": s["global_batch"] % (d["dp"] * d["micro_batch"]) == 0,
        "ep x etp divides dp x tp x cp": ranks_of_a_stage % (d["ep"] * d["etp"]) == 0,
    }


@pytest.mark.parametrize("name", SHAPES)
def test_every_rule_is_what_counting_says(name):
    table = np.array(list(itertools.product(*CHOICES.values())), dtype=float)
    degrees = {key: table[:, i] for i, key in enumerate(CHOICES)}
    degrees["dp"] = data_parallel_degree(degrees, DEVICES)
    masks = legality(degrees, SHAPES[name])
    rules = set(_by_counting(dict.fromkeys(degrees, 1), SHAPES[name]))
    assert set(masks) == rules
    for row in range(len(table)):
        chosen = {key: int(column[row]) if column[row] % 1 == 0 else float(column[row]) for key, column in degrees.items()}
        expected = _by_counting(chosen, SHAPES[name])
        whole = expected["dp = devices / (tp pp cp) is a whole number"]
        for rule in rules if whole else {"dp = devices / (tp pp cp) is a whole number"}:
            assert bool(np.broadcast_to(masks[rule], len(table))[row]) == expected[rule], (rule, chosen)
    assert all(not np.all(masks[rule]) for rule in rules - {"experts have a whole width", "cp divides the sequence"})


def test_more_devices_than_sequences_are_not_legal():
    degrees = {"dp": 32, "tp": 1, "pp": 1, "cp": 1, "ep": 1, "etp": 1, "micro_batch": 1}
    assert not legality(degrees, SHAPES["moe"])["dp x micro-batch divides the global batch"]
    spread = legality(degrees | {"dp": 4, "ep": 8}, SHAPES["moe"])
    assert spread["ep divides the experts"]
    assert not spread["ep x etp divides dp x tp x cp"]


@pytest.mark.parametrize("whole", [1, 2, 12, 30, 32768, 2**20])
def test_divides_is_exact_for_whole_numbers(whole):
    parts = np.arange(1, 200)
    assert divides(parts, whole).tolist() == [whole % part == 0 and part <= whole for part in parts]


@pytest.mark.parametrize("name", cases.TRAINING_STUDIES)
def test_every_cell_of_a_study_uses_its_devices_in_legal_groups(name):
    study = cases.study(name)
    column = {path.removeprefix("mapping."): values for path, values in study.columns.items()}
    mapping = study.design.mapping

    def degree(key):
        return column.get(key, np.full(study.space.size, float(getattr(mapping, key))))

    ranks = degree("dp") * degree("tp") * degree("pp") * degree("cp")
    np.testing.assert_allclose(ranks, float(study.design.cluster.devices))
    experts = float(study.workload.model.base_experts) * column.get("workload.model.granularity", 1)
    assert np.all(experts % degree("ep") == 0)
    assert np.all(degree("dp") * degree("tp") * degree("cp") % (degree("ep") * degree("etp")) == 0)
    assert np.all(degree("tp") % degree("etp") == 0)
    rows = np.stack([study.columns[free.path] for free in study.file.discrete], axis=1)
    assert len(np.unique(rows, axis=0)) == study.space.size
