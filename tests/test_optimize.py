"""Does `codesign optimize` leave a whole run folder or none, and say why when there is no front?"""

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pyarrow.csv
import pytest
from small_run import SMALL, invoke, small_run, strict_json, told, written

import codesign
from codesign import tree
from codesign.api import load
from codesign.config.problems import ConfigError
from codesign.engine.trouble import EngineError
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.report.folder import read_run, write_run
from codesign.report.rebuild import design_of
from codesign.report.run import FILES
from codesign.search.archive import Archive
from codesign.search.run import Found
from codesign.study import solve
from codesign.units import to_unit


@pytest.fixture(scope="module")
def run():
    return read_run(small_run().folder)


def test_the_run_folder_is_complete(run):
    folder = small_run().folder
    assert {p.name for p in folder.iterdir()} == set(FILES)
    manifest = strict_json((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["status"] == "complete"
    assert manifest["seed"] == 7
    assert set(manifest["units"]) == set(run.columns)
    assert [(o["name"], o["sense"]) for o in manifest["objectives"]] == [("time_to_train", 1), ("energy_to_train", 1), ("capital_cost", 1)]
    assert {"codesign", "jax", "numpy", "python"} <= set(manifest["versions"])
    assert manifest["versions"]["codesign"] == codesign.__version__
    resolved = json.dumps(manifest["study"], sort_keys=True).encode()
    assert manifest["study_hash"] == hashlib.sha256(resolved).hexdigest()
    assert manifest["designs"] == run.size == len(set(run.columns["id"])) > 20
    assert set(manifest["best"].values()) <= set(run.columns["id"])


def test_parquet_csv_and_json_hold_the_same_rows(run):
    folder = small_run().folder
    rows = strict_json((folder / "front.json").read_text(encoding="utf-8"))
    table = pyarrow.csv.read_csv(folder / "front.csv").to_pydict()
    assert rows["units"] == run.manifest["units"]
    assert rows["designs"] == [run.row(i) for i in range(run.size)]
    assert list(table) == list(run.columns)
    for name, column in run.columns.items():
        same = table[name] == column if isinstance(column[0], str) else np.allclose(table[name], column, rtol=1e-12, atol=0)
        assert same, name


def test_the_front_is_feasible_built_and_not_dominated(run):
    for name, column in run.columns.items():
        assert not name.startswith("slack.") or min(column) >= 0, name
    steps = np.array(run.columns["scale_up.bandwidth"]) / 0.4
    assert np.allclose(steps, np.round(steps), atol=1e-6)
    assert not np.any(np.mod(run.columns["pod.size"], run.columns["tp"]))
    points = np.array([run.columns[o["name"]] for o in run.manifest["objectives"]]).T
    for i, point in enumerate(points):
        assert not np.any(np.all(points <= point, axis=1) & np.any(points < point, axis=1)), run.columns["id"][i]


def test_rebuilt_designs_have_the_metrics_of_their_rows(run):
    with jax.enable_x64(True):
        rows = range(0, run.size, 5)
        pairs = [design_of(run, i) for i in rows]
        metrics = evaluate(tree.stack([d for d, _ in pairs]), tree.stack([w for _, w in pairs]))
    for name, declared in quantities(metrics).items():
        again = np.broadcast_to(np.asarray(getattr(metrics, name)), len(rows))
        assert [to_unit(v, declared.unit) for v in again] == pytest.approx([run.columns[name][i] for i in rows], rel=1e-9), name
    for name, term in metrics.breakdown.items():
        assert list(np.broadcast_to(np.asarray(term), len(rows))) == pytest.approx([run.columns[f"time.{name}"][i] for i in rows], rel=1e-9)


def test_progress_goes_to_stderr():
    result = small_run().result
    assert "compiling" in result.stderr
    assert "mutation" in result.stderr
    assert "compiling" not in result.stdout


def test_the_same_seed_gives_the_same_front_and_one_json_object(run, tmp_path):
    result = invoke("optimize", small_run().study, "--out", tmp_path / "again", "--seed", 7, "--json")
    data = told(result)
    assert result.exit_code == 0
    assert data["folder"] == str(tmp_path / "again")
    assert data["files"] == list(FILES)
    assert read_run(tmp_path / "again").columns == run.columns
    changing = {"created", "seconds", "certificate"}  # the proof says how long it took
    kept = json.loads(json.dumps(run.manifest))
    assert {k: v for k, v in data["manifest"].items() if k not in changing} == {k: v for k, v in kept.items() if k not in changing}


def interrupted_at(stage):
    @contextlib.contextmanager
    def watcher():
        def watch(report):
            if report.stage == stage:
                raise KeyboardInterrupt

        yield watch

    return watcher


@pytest.mark.parametrize("stage", ["compiling", "sampling"])
def test_an_interrupt_leaves_a_valid_run_folder(stage, tmp_path, monkeypatch):
    monkeypatch.setattr("codesign.commands.optimize.watcher", interrupted_at(stage))
    monkeypatch.chdir(tmp_path)
    result = invoke("optimize", written(tmp_path, SMALL, "mine.toml"))
    assert result.exit_code == 130
    assert "interrupted" in result.stdout + result.stderr
    left = read_run(tmp_path / "runs" / "mine")
    assert left.manifest["status"] == "interrupted"
    assert (left.size > 0) == (stage == "sampling")
    assert {p.name for p in (tmp_path / "runs" / "mine").iterdir()} == set(FILES)


def test_an_interrupt_before_the_first_design_keeps_the_run_that_was_there(run, tmp_path, monkeypatch):
    monkeypatch.setattr("codesign.commands.optimize.watcher", interrupted_at("compiling"))
    folder = shutil.copytree(small_run().folder, tmp_path / "run")
    result = invoke("optimize", small_run().study, "--out", folder)
    assert result.exit_code == 130
    assert "is kept" in result.stderr
    assert read_run(folder).manifest == run.manifest


def test_an_interrupted_proof_loses_no_design(run, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("codesign.commands.optimize.proved_front", stop)
    result = invoke("optimize", small_run().study, "--out", tmp_path / "run", "--seed", 7, "--json")
    assert result.exit_code == 130
    left = read_run(tmp_path / "run")
    assert left.size > 20
    assert left.manifest["status"] == "complete"
    assert "interrupted" in left.manifest["certificate"]["unavailable"]


def test_a_full_disk_is_told_and_keeps_the_run_that_was_there(run, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder = shutil.copytree(small_run().folder, tmp_path / "run")
    monkeypatch.setattr("pyarrow.csv.write_csv", full)
    with pytest.raises(EngineError, match=r"front.csv: the disk is full; it could not be written \(what was there before is kept\)"):
        write_run(run._replace(manifest=run.manifest | {"seed": 8}), folder)
    assert read_run(folder) == run
    assert {p.name for p in folder.iterdir()} == set(FILES)


OPTIONS = {
    "workers of no engine": (["--workers", 2], "--workers"),
    "a scheduler of no engine": (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler"),
    "no address": (["--engine", "dask", "--scheduler", ""], "--scheduler"),
    "own workers and others": (["--engine", "dask", "--scheduler", "tcp://127.0.0.1:1", "--workers", 2], "--workers"),
    "a time limit of what can be resumed": (["--resume", "--set", "search.seconds=5"], "search.seconds"),
}


@pytest.mark.parametrize(("options", "key"), OPTIONS.values(), ids=OPTIONS)
def test_options_that_would_do_nothing_are_told(options, key, tmp_path):
    result = invoke("optimize", small_run().study, "--out", tmp_path / "run", *options, "--json")
    assert result.exit_code == 2
    assert key in [problem["file"] for problem in told(result)["problems"]]
    assert not (tmp_path / "run").exists()


def test_resuming_into_the_run_of_another_study_is_refused(run, tmp_path):
    folder = shutil.copytree(small_run().folder, tmp_path / "run")
    result = invoke("optimize", small_run().study, "--set", "cluster.pod.size=64", "--out", folder, "--resume")
    assert result.exit_code == 2
    assert "holds a run of another study" in result.stderr
    assert read_run(folder).manifest == run.manifest


def test_a_folder_in_use_is_refused(tmp_path):
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        result = invoke("optimize", small_run().study, "--out", tmp_path)
        holder.kill()
    assert result.exit_code == 2
    assert "in use by" in result.stderr


def test_a_time_that_is_too_short_is_no_verdict(tmp_path, monkeypatch):
    study = load(small_run().study)
    nothing = Found(*[Archive(np.zeros((2, 0)), np.zeros(0, int), np.zeros((3, 0)))] * 2, cut=True)
    with pytest.raises(ConfigError, match=r"search.seconds.*before a feasible design was found"):
        solve(study, 0, print, lambda *_: nothing)


def test_an_interrupt_outside_the_search_is_no_traceback(tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("codesign.commands.optimize.load_study", stop)
    result = invoke("optimize", written(tmp_path, SMALL), "--out", tmp_path / "run")
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def left_behind(folder):
    return [p.name for p in folder.iterdir()] if folder.is_dir() else []


def test_an_infeasible_study_names_the_limit(tmp_path):
    out = tmp_path / "run"
    result = invoke("optimize", small_run().study, "--set", "cluster.device.package.power_limit=20 W", "--out", out, "--json")
    data = told(result)
    assert result.exit_code == 3
    limit = data["constraint"]
    assert (data["error"], limit["name"], limit["bound"], limit["unit"]) == ("infeasible", "package power", 20.0, "W")
    assert limit["gap"] == pytest.approx(limit["demand"] - 20.0)
    assert limit["demand"] > 1000
    assert set(data["nearest_design"]) == {"tp", "scale_up.link", "scale_up.bandwidth", "pod.size"}
    text = result.stderr.splitlines()[-1]
    assert all(f in text for f in ("infeasible: package power", "W against 20 W", "W too much", "levers: less bandwidth"))
    assert left_behind(out) == []


def test_the_seconds_by_stage_add_up():
    line = next(line for line in small_run().result.output.splitlines() if " s (reading " in line)
    whole, parts = re.fullmatch(r"([0-9.]+) s \(([^)]*)\); files in .*", line).groups()
    assert sum(float(part.split()[-1]) for part in parts.split(" + ")) == pytest.approx(float(whole), abs=0.5)
    assert " proof " in parts


def test_a_budget_that_nothing_meets_is_named(tmp_path):
    out = tmp_path / "run"
    result = invoke("optimize", small_run().study, "--set", "limits.capital_cost=1 M$", "--out", out)
    assert (result.exit_code, result.stdout) == (3, "")
    text = result.stderr.splitlines()[-1]
    assert "capital_cost" in text
    assert "M$ against 1 M$" in text
    assert left_behind(out) == []


@pytest.mark.parametrize("command", ["optimize", "check"])
def test_no_legal_mapping_counts_what_each_rule_bars(command, tmp_path):
    where = ["--out", tmp_path / "run"] if command == "optimize" else []
    result = invoke(command, small_run().study, "--set", "mapping.pp=7", *where, "--json")
    reason = told(result)["reason"]
    assert result.exit_code == 3
    assert "no legal mapping among 4 combinations" in reason
    assert "dp = devices / (tp pp cp) is a whole number: bars 4 of 4" in reason
    assert f"infeasible: {reason}" in result.stderr
    assert left_behind(tmp_path / "run") == []


def test_an_unwritable_output_folder(tmp_path):
    written(tmp_path, "keep", "file")
    for out in (tmp_path / "file" / "run", tmp_path / "file"):
        result = invoke("optimize", small_run().study, "--out", out, "--json")
        data = told(result)
        assert (result.exit_code, data["error"], data["problems"][0]["key"]) == (2, "bad input", "--out")
        assert f"error: {out}" in result.stderr
        assert "cannot be written" in result.stderr
    assert (tmp_path / "file").read_text(encoding="utf-8") == "keep"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("setting", ["cluster.pod.sise=4", "cluster.pod.size", "search.rounds=x", "cluster.pod.size=nan"])
def test_a_bad_setting_is_bad_input(setting, tmp_path):
    result = invoke("optimize", small_run().study, "--set", setting, "--out", tmp_path / "run", "--json")
    data = told(result)
    assert result.exit_code == 2
    assert len(data["problems"]) == len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_of_another_study_is_never_replaced(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"title": "Another one"}))
    study = written(tmp_path, SMALL)
    result = invoke("optimize", study, "--out", tmp_path)
    assert result.exit_code == 2
    assert "holds a run of another study, 'Another one'" in result.stderr
    assert json.loads((tmp_path / "manifest.json").read_text()) == {"title": "Another one"}
