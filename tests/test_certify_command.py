"""Does a run carry its certificate, can it be tightened, and is what bars it told?"""

import json
import shutil

import pytest
from small_run import SMALL, invoke, small_run, told, written

from codesign.report.band import band
from codesign.report.certificate import certificate_section, certificate_text
from codesign.report.folder import read_run, write_run
from codesign.search.program import UnknownOperation

OURS = {"seconds_to": {"0.95": 0.1, "0.99": 0.2, "0.999": 0.5}, "final": [1.0, 1.0, 1.0], "curve": [[0.1, 0.9, 0.9, 1.0]]}
THEIRS = {"seconds_to": {"0.95": 1.0, "0.99": None, "0.999": None}, "final": [0.98, 0.97, 0.99], "curve": [[1.0, 0.9, 0.8, 0.95]]}
RACE = {"best_known": 1.0, "limit": 5.0, "methods": {"ours": OURS, "NSGA-II": THEIRS}}


@pytest.fixture
def folder(tmp_path):
    """A copy of the small run, whose study file stays where it was."""
    return shutil.copytree(small_run().folder, tmp_path / "run")


def test_a_run_says_how_far_from_optimal_it_can_be(folder):
    facts = read_run(folder).manifest["certificate"]
    assert 0 < facts["eps"] <= 0.05 + 1e-9
    assert facts["open"] == 0 < facts["boxes"]
    assert facts["cells"] == read_run(folder).manifest["cells"]
    assert len(facts["model"]) == 64
    assert "5.00 %" in small_run().result.output
    assert "5.00 %" in (folder / "report.html").read_text()


def test_more_time_tightens_it(folder):
    data = told(invoke("certify", folder, "--eps", 1, "--seconds", 30, "--json"))
    assert 0 < data["certificate"]["eps"] <= 0.01 + 1e-9
    run = read_run(folder)
    assert run.manifest["certificate"]["eps"] == data["certificate"]["eps"]
    assert run.size >= read_run(small_run().folder).size
    assert 'class="band"' in (folder / "report.html").read_text()


def test_a_proof_that_says_less_does_not_replace_one_that_says_more(folder):
    before = read_run(folder).manifest["certificate"]
    result = invoke("certify", folder, "--eps", 0.001, "--seconds", 0.001, "--json")
    assert told(result)["certificate"] == before == read_run(folder).manifest["certificate"]
    assert "says more than this one (no bound" in result.stderr


def test_no_time_leaves_no_bound_and_says_so(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"certificate": None}))
    data = told(invoke("certify", folder, "--eps", 0.001, "--seconds", 0.001, "--json"))
    assert data["certificate"]["open"] > 0
    assert data["certificate"]["eps"] is None
    assert "no bound" in certificate_text(read_run(folder))
    assert "The band in the charts" not in (folder / "report.html").read_text()


def test_an_interrupted_proof_keeps_what_holds(folder, monkeypatch):
    monkeypatch.setattr("codesign.commands.certify.proof_watcher", stopping)
    result = invoke("certify", folder, "--eps", 0.001, "--seconds", 30)
    assert result.exit_code == 130
    assert "certificate: every feasible design" in result.stderr


def stopping():
    """A watcher that a user interrupts at once."""

    def stop(_):
        raise KeyboardInterrupt

    return stop


def test_a_model_without_bounds_is_named(folder, monkeypatch):
    def refuse(*_):
        raise UnknownOperation("sort")

    monkeypatch.setattr("codesign.commands.certify.certified", refuse)
    result = invoke("certify", folder)
    assert result.exit_code == 2
    assert "'sort'" in result.stderr
    run = read_run(folder)
    run = run._replace(manifest=run.manifest | {"certificate": {"unavailable": "no bounds are known for the operation 'sort'"}})
    assert "'sort'" in certificate_text(run)
    assert "sort" in certificate_section(run)


def test_a_changed_study_and_a_missing_run_are_told(folder, tmp_path):
    manifest = json.loads((folder / "manifest.json").read_text())
    for old, new in (("64 Tb/s", "32 Tb/s"), ('"energy_to_train", ', "")):
        other = written(tmp_path, SMALL.replace(old, new))
        (folder / "manifest.json").write_text(json.dumps(manifest | {"source": {"path": str(other), "settings": []}}))
        result = invoke("certify", folder)
        assert result.exit_code == 2
        assert "not the study" in result.stderr
    assert invoke("certify", tmp_path / "nothing").exit_code == 2


def test_a_run_of_another_version_of_the_model_is_told(folder):
    run = read_run(folder)
    dearer = [cost * (1 + 1e-6) for cost in run.columns["capital_cost"]]
    write_run(run._replace(columns=run.columns | {"capital_cost": dearer}), folder)
    result = invoke("certify", folder)
    assert result.exit_code == 2
    assert "other values in this version" in result.stderr


def test_a_run_of_choices_that_are_no_cell_is_told(folder, monkeypatch):
    monkeypatch.setattr("codesign.commands.certify._choice", lambda free, shown: -1.0)
    result = invoke("certify", folder)
    assert result.exit_code == 2
    assert "other values in this version" in result.stderr


@pytest.mark.parametrize("number", ["nan", "inf", "0", "-1"])
@pytest.mark.parametrize("option", ["--eps", "--seconds"])
def test_an_option_that_is_no_positive_number_is_told(option, number, tmp_path):
    result = invoke("certify", tmp_path, option, number)
    assert result.exit_code == 2
    assert option in result.stderr


def test_the_page_shows_the_race_of_its_own_study(folder, tmp_path):
    race = written(tmp_path, json.dumps({"studies": {"small": RACE, "other": RACE}}), "race.json")
    assert invoke("report", folder, "--rivals", race).exit_code == 0
    page = (folder / "report.html").read_text()
    assert "NSGA-II" in page
    assert "not in 5 s" in page
    for text in (json.dumps({"studies": {"other": RACE}}), "no json"):
        result = invoke("report", folder, "--rivals", written(tmp_path, text, "bad.json"))
        assert result.exit_code == 2
        assert "--rivals" in result.stderr


@pytest.mark.parametrize(("senses", "inside", "outside"), [((1, 1), (1.9, 1.9), (1.5, 1.5)), ((1, -1), (1.9, 2.1), (1.5, 2.9))])
def test_the_band_lies_on_the_better_side(senses, inside, outside):
    corners = band([(2.0, 2.0)], senses, 1.2, (4.0, 4.0 if senses[1] > 0 else 1.0))
    xs, ys = {x for x, _ in corners}, {round(y, 6) for _, y in corners}
    assert 2 / 1.2 in xs
    assert round(2 / 1.2 if senses[1] > 0 else 2 * 1.2, 6) in ys
    assert min(xs) > outside[0]
    assert min(xs) < inside[0]
