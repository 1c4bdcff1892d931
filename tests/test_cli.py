"""Does every command do what it says, with the right exit code, on the right stream?"""

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from small_run import CONFIGS, SMALL, invoke, small_run, told, written

import codesign
from codesign import cli
from codesign.commands.catalogue import KINDS
from codesign.report.folder import read_run
from codesign.report.run import FILES

COMMANDS = ["optimize", "evaluate", "validate", "list", "new", "check", "explain", "report"]
PASSAGE = CONFIGS / "designs" / "passage.toml"


@pytest.fixture(scope="module")
def run():
    return read_run(small_run().folder)


# help and mistakes in typing


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command):
    result = invoke(*([command] if command else []), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert all(name in result.stdout for name in (COMMANDS if not command else ["--json"]))


def test_help_is_light_and_the_script_is_installed():
    code = "import sys; from codesign.cli import main; main(['--help'], standalone_mode=False); print([m for m in {} if m in sys.modules])"
    heavy = ["jax", "pydantic", "plotly", "pyarrow", "numpy"]
    result = subprocess.run([sys.executable, "-c", code.format(heavy)], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"
    assert invoke("--version").stdout.strip().endswith(codesign.__version__)


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["optimise"], "Did you mean 'optimize'?"),
        (["optimize", "x.toml", "--sed", "1"], "--seed"),
        (["new", "x", "--kind", "stdy"], "'study'"),
    ],
)
def test_a_typing_mistake_gets_a_hint(arguments, hint):
    result = invoke(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert hint in result.stderr


# evaluate


@pytest.mark.parametrize("limit", ["3200 W", "1000 W"])
def test_evaluate(limit, tmp_path):
    design = written(tmp_path, PASSAGE.read_text(encoding="utf-8") + f'\n[set]\n"cluster.device.package.power_limit" = "{limit}"\n')
    result = invoke("evaluate", design, "--json")
    data = told(result)
    assert {"metrics", "breakdown", "constraints", "sensitivities"} <= set(data)
    assert sum(data["breakdown"].values()) == pytest.approx(data["metrics"]["step_time"]["value"], rel=1e-12)
    assert sum(data["memory"].values()) == pytest.approx(data["metrics"]["resident_bytes"]["value"], rel=1e-12)
    broken = [c["name"] for c in data["constraints"] if not c["met"]]
    assert all((c["gap"] <= 0) == c["met"] for c in data["constraints"])
    assert (result.exit_code, broken) == ((0, []) if limit == "3200 W" else (3, ["package power"]))
    text = invoke("evaluate", design).stdout
    assert ("BROKEN" in text) == bool(broken)
    assert "step time" in text


# list, new, check


@pytest.mark.parametrize("kind", KINDS)
def test_list(kind):
    entries = told(invoke("list", kind, "--json"))[kind]
    assert entries
    assert all(entry["name"] and entry["label"] for entry in entries)
    text = invoke("list", kind).stdout
    assert all(entry["name"] in text for entry in entries)


def test_list_without_a_kind_and_of_an_unknown_one():
    assert told(invoke("list", "--json"))["kinds"] == list(KINDS) == invoke("list").stdout.split()
    result = invoke("list", "lnks", "--json")
    assert result.exit_code == 2
    assert "did you mean 'links'?" in told(result)["problems"][0]["message"]


@pytest.mark.parametrize("kind", ["study", "design", "workload"])
def test_new_then_check(kind, tmp_path):
    path = tmp_path / "deep" / "new.toml"
    assert invoke("new", path, "--kind", kind).exit_code == 0
    before = path.read_bytes()
    assert b"#" in before or kind == "workload"
    checked = invoke("check", path, "--json")
    assert (checked.exit_code, told(checked)["ok"]) == (0, True)
    again = invoke("new", path, "--kind", kind, "--json")
    assert (again.exit_code, path.read_bytes()) == (2, before)
    assert "already exists" in told(again)["problems"][0]["message"]
    assert [p.name for p in path.parent.iterdir()] == ["new.toml"]


def test_check_tells_every_problem(tmp_path):
    result = invoke("check", written(tmp_path, SMALL.replace("rounds", "ronds").replace("low = 16", "low = 600")), "--json")
    assert result.exit_code == 2
    assert {p["key"] for p in told(result)["problems"]} == {"search.ronds", 'continuous."cluster.pod.size"'}
    assert len(result.stderr.splitlines()) == 2


def test_check_does_not_ignore_settings():
    assert invoke("check", PASSAGE, "--set", "cluster.nonsense=1").exit_code == 2


# explain, report


def test_explain(run):
    data = told(invoke("explain", f"{small_run().folder}#d0003", "--json"))
    assert data["id"] == "d0003"
    assert data["metrics"]["step_time"]["value"] == pytest.approx(run.columns["step_time"][2], rel=1e-9)
    text = invoke("explain", small_run().folder).stdout
    assert text.startswith(f"{run.manifest['best']['time_to_train']} of ")
    assert all(part in text for part in ("Objectives", "Bound by", "Limits", "What would move it", "against as published"))


@pytest.mark.parametrize(("name", "hint"), [("#d00003", "did you mean 'd0003'?"), ("#x", "known: d0001"), ("x", "not a run folder")])
def test_explain_of_what_is_not_there(name, hint):
    result = invoke("explain", f"{small_run().folder}{name}", "--json")
    assert result.exit_code == 2
    assert hint in told(result)["problems"][0]["message"]


def test_report_renders_the_same_page_again(run, tmp_path):
    for name in FILES:
        (tmp_path / name).write_bytes((small_run().folder / name).read_bytes())
    (tmp_path / "report.html").unlink()
    assert told(invoke("report", tmp_path, "--json"))["report"] == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == (small_run().folder / "report.html").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == set(FILES)


@pytest.mark.parametrize("command", ["explain", "report"])
@pytest.mark.parametrize("manifest", ["{", "[]", "{}"])
def test_a_broken_run_folder_is_bad_input(command, manifest, tmp_path):
    (tmp_path / "front.parquet").write_bytes((small_run().folder / "front.parquet").read_bytes())
    result = invoke(command, written(tmp_path, manifest, "manifest.json").parent)
    assert result.exit_code == 2
    assert "error: " in result.stderr


@pytest.mark.parametrize("place", ["_xla_gc_callback", "evaluate"])
def test_an_interrupt_is_not_lost_in_a_callback_of_the_garbage_collector(place):
    def press():
        cli.interrupt(signal.SIGINT, SimpleNamespace(f_code=SimpleNamespace(co_name=place)))
        assert place.endswith("gc_callback"), "elsewhere it ends the command at once"
        time.sleep(5)

    before = signal.signal(signal.SIGINT, cli.interrupt)  # in the background a process may be told to ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            press()
    finally:
        signal.signal(signal.SIGINT, before)
