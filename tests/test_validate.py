"""Are measured runs predicted by the same door as designs, summed up right, and judged by their bars?"""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from cases import ROOT
from click.testing import CliRunner
from scipy.stats import spearmanr
from test_runs import GOOD, table

from codesign.cli import main
from codesign.config.runs import read_tables, shipped_tables
from codesign.evaluate import evaluate
from codesign.validate.cases import cases_of, choose, row_of, system_of
from codesign.validate.datasets import datasets
from codesign.validate.errors import spearman, summary
from codesign.validate.kernels import KERNELS, Shapes, moe_layer_time
from codesign.validate.predict import predict

DATA = ROOT.parent / "shared" / "validation"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the third-party tables are not beside the repository")
OPEN = GOOD | {"micro_batch": "", "vpp": "", "recompute": "", "pp": "2", "dp": "2"}


def run_of(folder, row):
    return read_tables([table(folder, [row])])[0].runs[0]


def test_a_stated_run_is_one_design_and_its_prediction_is_the_model(tmp_path):
    run = run_of(tmp_path, GOOD)
    (case,) = cases_of(run)
    (found,) = predict([run])
    assert found.predicted == pytest.approx(float(evaluate(case.design, case.workload).step_time), rel=1e-12)
    assert float(case.design.mapping.ranks) == float(case.design.cluster.devices) == 8
    assert (found.low, found.high, found.choice) == (found.predicted, found.predicted, "")


def test_open_choices_span_a_range_and_the_fastest_that_fits_is_taken(tmp_path):
    run = run_of(tmp_path, OPEN)
    cases = cases_of(run)
    assert {c.recompute for c in cases} == {"none", "selective", "full"}
    assert len({c.choice for c in cases}) == len(cases) > 10
    (found,) = predict([run])
    assert found.low == found.predicted < found.high
    assert "micro-batch" in found.choice
    steps, fits = np.arange(len(cases), 0.0, -1.0), np.ones(len(cases), dtype=bool)
    best, open_ones = choose(range(len(cases)), cases, steps, fits)
    assert {cases[i].recompute for i in open_ones} == {"none"}
    assert steps[best] == min(steps[i] for i in open_ones)
    nothing_fits, all_open = choose(range(len(cases)), cases, steps, ~fits)
    assert (nothing_fits, len(all_open)) == (len(cases) - 1, len(cases))


METRICS = [
    ("step_time", "s"),
    ("tokens_per_s_per_gpu", "tokens/s"),
    ("model_tflops_per_gpu", "TFLOP/s"),
    ("mfu", "fraction"),
    ("peak_memory", "GiB"),
]


def test_metrics_of_one_run_agree_with_one_another(tmp_path):
    rows = [GOOD | {"name": metric, "metric": metric, "unit": unit, "value": "1"} for metric, unit in METRICS]
    found = {p.run.metric: p.predicted for p in predict(read_tables([table(tmp_path, rows)])[0].runs)}
    tokens = 128 * 8192 / 8
    assert found["tokens_per_s_per_gpu"] == pytest.approx(tokens / found["step_time"])
    assert found["mfu"] == pytest.approx(found["model_tflops_per_gpu"] / 989, rel=1e-3)
    assert 0 < found["peak_memory"] < 200


@pytest.mark.parametrize("seed", range(5))
def test_rank_correlation_and_summary_are_the_textbook_ones(seed):
    generator = np.random.default_rng(seed)
    a, b = np.round(generator.random((2, 30)), 1) + 0.1
    assert spearman(a, b) == pytest.approx(spearmanr(a, b)[0])
    found = summary(a, b)
    assert found["mape"] == pytest.approx(np.mean(np.abs(b / a - 1)))
    assert (found["max"], found["n"]) == (pytest.approx(np.max(np.abs(b / a - 1))), 30)
    assert math.isnan(spearman([1.0, 2.0], [1.0, 2.0]))


def test_a_kernel_costs_its_starts_its_bytes_and_its_flops():
    package = system_of("dgx_h100")[0].device.package
    precision = row_of("precisions", "bf16")

    def seconds(*shape):
        return float(moe_layer_time(Shapes(*(np.asarray(float(v)) for v in shape)), package, precision))

    start = KERNELS * float(package.die.kernel_time)
    few = seconds(1, 4096, 1536, 128, 8)
    weights = 8 * 3 * 4096 * 1536 * 2 / (3.35e12 * float(package.memory.efficiency))
    assert few == pytest.approx(start + weights, rel=0.05)
    many = seconds(2**17, 4096, 14336, 8, 2)
    rate = 989e12 * float(package.die.matrix_efficiency)
    assert many == pytest.approx(6 * 4096 * 14336 * 2 * 2**17 / rate, rel=0.2)


@pytest.fixture(scope="module")
def shipped():
    return {d["name"]: d for d in datasets(read_tables(shipped_tables()))}


@pytest.mark.parametrize(
    ("name", "bar"), [("megatron_a100_table5", 0.0365), ("megatron_a100_sc21", 0.07), ("llama3_h100", 0.07), ("deepseek_v3_h800", 0.25)]
)
def test_shipped_tables_are_met(shipped, name, bar):
    assert shipped[name]["mape"] < bar
    assert not shipped[name]["left_out"]


@needs_data
def test_every_bar_is_met_but_the_one_that_the_readme_names():
    result = CliRunner().invoke(main, ["validate", *map(str, sorted(DATA.glob("*.csv"))), "--json"])
    assert result.exit_code == 0, result.stderr
    data = json.loads(result.stdout)
    missed = [(b["dataset"], b.get("model"), b["quantity"]) for b in data["bars"] if not b["met"]]
    assert missed == [("vtrain_a100", "gpt_vtrain_18b", "spearman")]
    assert len(data["bars"]) >= 18
    for d in data["datasets"]:
        assert len(d["rows"]) == d["n"]
        assert all(math.isfinite(r["predicted"]) and r["error"] == pytest.approx(r["predicted"] / r["measured"] - 1) for r in d["rows"])
    counted = sum(len(d["left_out"]) for d in data["datasets"])
    assert counted == 16 + 71 + 4 + 14


def test_the_command_prints_tables_and_writes_a_page(tmp_path):
    page = tmp_path / "page.html"
    result = CliRunner().invoke(main, ["validate", str(table(tmp_path, [GOOD, OPEN | {"name": "open"}])), "--out", str(page)])
    assert result.exit_code == 0, result.stderr
    assert "Predicted against measured" in result.stdout
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 2
    assert "http" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fit"], "--fit needs --system NAME"),
        (["--fit", "--system", "dgx_h10"], "did you mean 'dgx_h100'?"),
        (["--fit", "--system", "passage"], "names no calibration"),
        (["nowhere.csv"], "no such file"),
    ],
)
def test_mistakes_at_the_command_line_are_told(arguments, said):
    result = CliRunner().invoke(main, ["validate", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_table_of_another_machine_cannot_be_fitted(tmp_path):
    path = table(tmp_path, [GOOD])
    result = CliRunner().invoke(main, ["validate", str(path), "--fit", "--system", "dgx_b200", "--out", str(tmp_path / "x.toml")])
    assert result.exit_code == 2
    assert "no timed row" in result.stderr
    assert not Path(tmp_path / "x.toml").exists()
