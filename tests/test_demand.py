"""What does the traffic of a design or study become: the numbers of its mapping, and clear messages for a wrong table?"""

import cases
import numpy as np
import pytest
from cases import CONFIGS

from codesign.api import load
from codesign.cells import DEMAND
from codesign.config import ConfigError, load_design
from codesign.config.catalogue import load_catalogue
from codesign.config.traffic_file import read_traffic
from codesign.design import with_values
from codesign.evaluate import evaluate
from codesign.performance.demand import Demand, circuit_ratios, demand_numbers, hot_load
from codesign.workload.traffic import uniform_traffic

DESIGN = """
system = "mixnet_sim"
workload = "mixtral_8x22b"
[mapping]
schedule = "megatron_2021"
dp = 16
tp = 8
pp = 8
ep = {ep}
etp = 8
micro_batch = 8
[set]
"cluster.fabric" = "{fabric}"
[traffic]
{traffic}
"""
MATRIX = CONFIGS / "traffic" / "mixnet_8x8.csv"
FILE = f'file = "{MATRIX}"'


def written(folder, traffic, fabric="fat_tree", ep=8):
    path = folder / "design.toml"
    path.write_text(DESIGN.format(traffic=traffic, fabric=fabric, ep=ep), encoding="utf-8")
    return path


def test_a_measured_matrix_sets_ranks_servers_and_circuits(tmp_path):
    point = load_design(written(tmp_path, FILE, "optical_circuits"))
    training, fabric = point.workload.training, point.design.cluster.fabric
    matrix = read_traffic(MATRIX)
    assert float(training.expert_imbalance) == pytest.approx(2.3713, rel=1e-4)  # one rank per server: F20
    assert float(training.expert_imbalance * training.exchange_imbalance) == pytest.approx(67893 / 28604.875)  # F21
    assert float(fabric.unevenness) == pytest.approx(10208 / 8486.6 / (8 / 7), rel=1e-4)  # F28, the best circuits, over the even formula
    even = load_design(written(tmp_path, FILE + "\nexperts_follow = false", "optical_circuits")).workload.training
    assert float(even.expert_imbalance) == 1
    assert float(even.exchange_imbalance) == pytest.approx(hot_load(matrix))


@pytest.mark.parametrize("fabric", load_catalogue(CONFIGS).rows["fabrics"])
def test_even_traffic_changes_nothing_that_is_not_counted_in_whole_circuits(fabric):
    base = cases.changed(cases.point("mixnet"), {"mapping.ep": 16})
    design, workload = with_values(*base, {"cluster.fabric": load_catalogue(CONFIGS).rows["fabrics"][fabric].module})
    numbers = demand_numbers(Demand(np.asarray(uniform_traffic(256, np.float64(1)))), design.cluster, design.mapping)
    values = {path: value for path, value in numbers.items() if path.startswith("workload") or abs(value - 1) > 1e-9}
    after = with_values(design, workload, {path: np.float64(value) for path, value in values.items()})
    before = with_values(design, workload, {path: np.float64(1) for path in DEMAND[:2]})
    assert float(evaluate(*after).step_time) == pytest.approx(float(evaluate(*before).step_time), rel=1e-9)


@pytest.mark.parametrize(("size", "optical"), [(4, 6), (8, 6), (8, 3)])
def test_circuits_for_the_demand_are_no_worse_than_for_another_on_average(size, optical):
    demand = np.random.default_rng(size).gamma(0.5, size=(size, size))
    fresh, stale = circuit_ratios(demand.tobytes(), size, 8, optical, size, 0.0)
    assert 1 <= fresh <= stale
    both, _ = circuit_ratios(demand.tobytes(), size, 8, optical, size, 1.0)
    assert both >= 1 - 1e-9
    alone, _ = circuit_ratios(demand.tobytes(), size, 8, optical, 1, 0.0)
    assert alone == pytest.approx(8 / (8 - optical))  # regions of one pod have no circuits


@pytest.mark.parametrize(
    ("traffic", "key", "text"),
    [
        ('law = "zip"', "traffic.law", "did you mean 'zipf'?"),
        ('law = "zipf"', "traffic.hot", "needs the hot factor"),
        ('law = "zipf"\nhot = 0.5', "traffic.hot", "from 1 on"),
        ('law = "zipf"\nhot = nan', "traffic.hot", "from 1 on"),
        ('law = "zipf"\nhot = 2\nplacement = "balance"', "traffic.placement", "did you mean 'balanced'?"),
        ('law = "uniform"\nsead = 1', "traffic.sead", "did you mean 'seed'?"),
        ('law = "uniform"\nexperts_follow = 1', "traffic.experts_follow", "true or false"),
        ("hot = 2", "traffic", "either 'file' or 'law'"),
        (FILE + '\nlaw = "uniform"', "traffic", "either 'file' or 'law'"),
        ('file = "nothing.csv"', "", "no such file"),
        ("file = 3", "traffic.file", "path of a matrix"),
    ],
)
def test_a_wrong_table_is_told_with_its_key(tmp_path, traffic, key, text):
    with pytest.raises(ConfigError) as caught:
        load_design(written(tmp_path, traffic))
    assert any(problem.key == key and text in problem.message for problem in caught.value.problems)


def test_expert_ranks_that_do_not_fit_the_matrix_name_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="ep 16 does not divide the 8 ranks of the traffic; the nearest degree that does is 8"):
        load_design(written(tmp_path, FILE, ep=16))


def test_a_study_has_the_numbers_of_every_cell_and_only_ranks_that_fit():
    study = cases.study("mixnet")
    assert set(DEMAND) <= set(study.columns)
    assert all(256 % ep == 0 for ep in study.columns["mapping.ep"])
    exchange = study.columns[DEMAND[0]] * study.columns[DEMAND[1]]
    assert (exchange >= 1 - 1e-9).all()
    assert len(np.unique(exchange.round(6))) > 3


def test_a_study_with_traffic_needs_a_fixed_pod(tmp_path):
    text = (CONFIGS / "studies" / "mixnet.toml").read_text(encoding="utf-8")
    path = tmp_path / "study.toml"
    path.write_text(text.replace("[continuous]", '[continuous]\n"cluster.pod.size" = { low = 8, high = 64 }'), encoding="utf-8")
    with pytest.raises(ConfigError, match="fixed pod size"):
        load(path)
