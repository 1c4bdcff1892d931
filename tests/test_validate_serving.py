"""Are tables of measured serving read, refused where they are wrong, and predicted by the stated rules?"""

import json
import math

import pytest
from cases import ROOT
from click.testing import CliRunner

from codesign.cli import main
from codesign.config.problems import ConfigError
from codesign.config.runs import read_tables, shipped_tables
from codesign.config.serving_runs import SERVING, noted, replicas_of
from codesign.validate.serving import batch_limit, predict_serving
from codesign.validate.serving_units import lengths, rate, unit_of

OPEN = ROOT.parent / "shared" / "validation" / "serving_open.csv"
needs_data = pytest.mark.skipif(not OPEN.is_file(), reason="the third-party tables are not beside the repository")
GOOD = {
    "name": "one", "source": "a paper", "model": "qwen3_235b_a22b", "system": "dgx_h200", "phase": "decode", "precision": "fp8",
    "n_gpus": "8", "ep": "8", "batch_per_gpu": "32", "context_tokens": "3000", "metric": "tokens_per_s_per_gpu", "value": "1000",
    "unit": "tokens/s", "note": "random prompts",
}  # fmt: skip


def table(folder, rows, header=SERVING):
    lines = [",".join(header), *(",".join(f'"{row.get(column, "")}"' for column in header) for row in rows)]
    path = folder / "serving.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def runs_of(folder, *rows):
    named = [GOOD | {"name": f"row{i}"} | row for i, row in enumerate(rows)]
    return read_tables([table(folder, named)])[0].serving


WRONG = [
    ({"model": "qwen3_235b_a22"}, "did you mean 'qwen3_235b_a22b'?"),
    ({"system": "dgx_h20"}, "unknown system 'dgx_h20'"),
    ({"precision": "fp7"}, "unknown precision 'fp7'"),
    ({"phase": "train"}, "unknown phase 'train'"),
    ({"ep": "3"}, "3 does not divide n_gpus = 8"),
    ({"n_gpus": "256", "ep": "256"}, "expected at most the 128 experts"),
    ({"model": "llama3_70b", "ep": "8"}, "expected at most the 1 experts"),
    ({"batch_per_gpu": "-4"}, "from 0.001 on, got '-4'"),
    ({"n_gpus": ""}, "this cell is empty"),
    ({"n_gpus": "2.5"}, "expected a whole number"),
    ({"value": ""}, "this cell is empty"),
    ({"metric": "tokens"}, "unknown metric 'tokens'"),
    ({"unit": "ms"}, "expected 'tokens/s' for tokens_per_s_per_gpu, got 'ms'"),
    ({"context_tokens": "long"}, "expected a number, got 'long'"),
    ({"name": ""}, "a row needs a name"),
]


def test_wrong_rows_are_told_all_at_once_with_file_line_and_key(tmp_path):
    rows = [GOOD | {"name": f"row{i}"} | change for i, (change, _) in enumerate(WRONG)]
    with pytest.raises(ConfigError) as error:
        read_tables([table(tmp_path, rows)])
    problems = error.value.problems
    for line, (change, said) in enumerate(WRONG, 2):
        mine = [p for p in problems if p.line == line]
        assert any(said in p.message for p in mine), (change, mine)
        assert all(p.file.endswith("serving.csv") and p.key.split(".")[-1] in change for p in mine)


def test_a_missing_or_unknown_column_is_told(tmp_path):
    header = [c for c in SERVING if c != "ep"] + ["epp"]
    with pytest.raises(ConfigError) as error:
        read_tables([table(tmp_path, [GOOD], header)])
    assert {p.key for p in error.value.problems} == {"ep", "epp"}


NOTES = [
    ("32 redundant experts; natural load", {"replicas": 32.0, "natural": True, "even": False}),
    ("2 routed and 1 shared expert per GPU", {"experts_per_device": 2.0}),
    ("including 56.3 % context-cache hits", {"cached": 0.563}),
    ("derived: 73,700 x (1 - 0.563) = 32,206 computed input tokens/s", {"cached": 0.563, "computed": True}),
    ("MTP 1, acceptance 85 %", {"drafts": 1.0, "acceptance": 0.85}),
    ("3 draft tokens, acceptance rate 0.7; FP8 KV cache", {"drafts": 3.0, "acceptance": 0.7, "narrow_keys": True}),
    ("MTP on", {"drafts": 0.0, "acceptance": None}),
    ("without MTP, acceptance 80 %", {"drafts": 0.0}),
    ("KV cache in FP8; synthetic prompts", {"narrow_keys": True, "even": True}),
    ("FP8 GEMMs and dispatch, BF16 MLA core", {"narrow_keys": False, "cached": None, "replicas": None}),
    ("", {"replicas": None, "natural": False, "even": False, "computed": False}),
]


@pytest.mark.parametrize(("note", "expected"), NOTES)
def test_notes_say_what_they_say(note, expected):
    found = noted(note)._asdict()
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("experts", "ep", "note", "copies"),
    [(256, 144, "", 32), (256, 32, "", 0), (256, 32, "9 routed experts per GPU", 32), (128, 8, "16 redundant", 16), (0, 1, "", 0)],
)
def test_copies_of_experts_are_the_fewest_that_fit(experts, ep, note, copies):
    assert replicas_of(experts, ep, noted(note)) == copies


LAYOUTS = [
    # change, (ep, etp, tp, two batches of decode)
    ({"ep": "1"}, (1, 8, 8, 0)),
    ({"ep": "4"}, (4, 2, 2, 0)),
    ({"ep": ""}, (8, 1, 1, 0)),
    ({"n_gpus": "32", "ep": "32"}, (32, 1, 1, 1)),
    ({"model": "llama3_70b", "ep": ""}, (1, 8, 8, 0)),
    ({"system": "gb200_nvl72", "n_gpus": "64", "ep": "64", "precision": "nvfp4"}, (64, 1, 1, 0)),
    ({"system": "b200", "precision": "mxfp8"}, (8, 1, 1, 0)),
    ({"phase": "both", "precision": "bf16"}, (8, 1, 1, 0)),
]


@pytest.mark.parametrize(("change", "expected"), LAYOUTS)
def test_a_stated_row_is_one_deployment_and_its_prediction_is_the_model(tmp_path, change, expected):
    (run,) = runs_of(tmp_path, change)
    unit = unit_of(run, [run])
    pool = unit.design.deployment.decode
    assert (pool.ep, pool.etp, pool.tp, pool.two_batches) == expected
    assert float(pool.devices) == run.devices == float(unit.design.cluster.devices)
    assert float(unit.workload.serving.context) == pytest.approx(3000)
    assert float(unit.design.deployment.disaggregated) == (run.phase != "both")
    (found,), _ = predict_serving([run])
    placed = unit.metrics(32.0)
    assert found.predicted == pytest.approx(float(rate(unit, placed, run.metric)), rel=1e-9)
    assert (found.low, found.high, found.choice) == (found.predicted, found.predicted, "")
    assert 0 < found.predicted < math.inf


def test_open_batches_follow_the_rules(tmp_path):
    user = {"metric": "tokens_per_s_per_user", "value": "30", "batch_per_gpu": ""}
    alone, with_user, of_user = runs_of(tmp_path, {"batch_per_gpu": "", "context_tokens": "2000"}, {"batch_per_gpu": ""}, user)
    (free, met, back), _ = predict_serving([alone, with_user, of_user])
    assert free.predicted == pytest.approx(free.high)
    assert free.fits
    assert "largest that fits" in free.choice
    assert met.low < met.predicted < met.high
    unit = unit_of(with_user, [with_user, of_user])
    batch = float(met.choice.split()[1].rstrip(":"))
    assert float(rate(unit, unit.metrics(batch), "tokens_per_s_per_user")) == pytest.approx(30, rel=0.01)
    assert "least at 1000 tokens/s per device" in back.choice
    least, limit = batch_limit(unit)
    assert least == 1 < limit


@pytest.mark.parametrize("tp", [1, 8])
def test_prefill_computes_16384_tokens_per_step(tmp_path, tp):
    (run,) = runs_of(
        tmp_path, {"phase": "prefill", "batch_per_gpu": "", "ep": str(8 // tp), "context_tokens": "4096", "note": "50 % cache hits"}
    )
    (found,), _ = predict_serving([run])
    assert "16384 tokens per step" in found.choice
    assert found.low <= found.predicted <= found.high
    assert lengths(run, [run])[0] == 4096


def test_rows_without_a_unit_are_left_out_with_the_reason(tmp_path):
    fleet = {"n_gpus": "", "ep": "", "batch_per_gpu": "", "context_tokens": ""}
    rows = [fleet | {"metric": "tokens_per_day", "unit": "tokens"}, fleet | {"metric": "mean_nodes", "unit": "nodes"},
            {"phase": "prefill", "metric": "tokens_per_s_per_user"}]  # fmt: skip
    done, left_out = predict_serving(runs_of(tmp_path, *rows))
    assert not done
    assert [name for name, _ in left_out] == ["row0", "row1", "row2"]
    assert all(said in reason for said, (_, reason) in zip(("what is asked", "same source", "per user"), left_out, strict=True))


def judged(*paths):
    result = CliRunner().invoke(main, ["validate", *map(str, paths), "--json"])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_shipped_day_is_within_its_bar():
    data = judged(next(p for p in shipped_tables() if p.stem == "serving_deepseek_day"))
    (bar,) = data["bars"]
    assert bar["met"]
    assert {d["name"].split()[-1]: d["n"] for d in data["datasets"] if d["n"]} == {
        "tokens_per_s_per_gpu": 2, "tokens_per_s_per_user": 1, "mean_nodes": 1
    }  # fmt: skip


@needs_data
def test_the_table_of_the_day_prints_and_both_rates_are_within_thirty_per_cent():
    data = judged(OPEN)
    rates = next(d for d in data["datasets"] if d["name"].endswith("per_gpu"))
    assert (rates["n"], rates["max"] < 0.3) == (3, True)
    assert sum(len(d["left_out"]) + d["n"] for d in data["datasets"]) == 9
    row = next(r for r in rates["rows"] if r["name"] == "deepseek_day_decode")
    assert {"name", "measured", "predicted", "error", "choice", "low", "high"} <= row.keys()
