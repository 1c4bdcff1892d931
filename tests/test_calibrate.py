"""Does the fit find what made the data, keep to its bounds, and write what is read back?"""

import math

import numpy as np
import pytest
from cases import CONFIGS
from test_runs import GOOD, table

from codesign.config import load_system
from codesign.config.calibration import load_calibration
from codesign.config.problems import ConfigError
from codesign.config.runs import read_tables
from codesign.report.calibration import calibration_file, system_file
from codesign.validate.calibrate import TIMES, Evidence, fit
from codesign.validate.least_squares import Box, minimise
from codesign.validate.predict import predict

CALIBRATIONS = sorted((CONFIGS / "calibrations").glob("*.toml"))
BOX = Box(np.zeros(2), np.full(2, 10.0), np.full(2, -3.0), np.full(2, 3.0))


def linear(target, noise):
    matrix = np.random.default_rng(0).normal(size=(40, 2))
    values = matrix @ target + noise
    return lambda x: (matrix @ x - values, matrix)


@pytest.mark.parametrize("target", [(0.5, -0.3), (1.0, 2.0)])
def test_least_squares_find_the_truth_in_spite_of_outliers(target):
    noise = np.zeros(40)
    noise[[3, 17]] = 5.0
    found = minimise(linear(np.array(target), noise), np.ones(40), BOX)
    assert found.x == pytest.approx(target, abs=0.02)
    assert (found.deviation > 0).all()


def test_bounds_hold_and_a_weight_of_zero_leaves_a_row_out():
    found = minimise(linear(np.array([5.0, 0.0]), np.zeros(40)), np.ones(40), BOX)
    assert found.x[0] == 3.0
    noise = np.zeros(40)
    noise[7] = 100.0
    weights = np.where(np.arange(40) == 7, 0.0, 1.0)
    assert minimise(linear(np.array([0.5, 0.5]), noise), weights, BOX).x == pytest.approx([0.5, 0.5], abs=1e-4)


@pytest.mark.parametrize("path", CALIBRATIONS, ids=lambda p: p.stem)
def test_shipped_calibrations_have_at_most_six_numbers_within_bounds_and_name_their_rows(path):
    found = load_calibration(path)
    assert 1 <= len(found.parameters) <= 6
    assert all(p.low <= p.value <= p.high and p.deviation < 1 for p in found.parameters)
    assert set(found.runs) == set(found.errors)
    assert all(len(names) == found.errors[t]["n"] for t, names in found.runs.items())
    assert found.accuracy.startswith("mean error")


@pytest.mark.parametrize("system", ["dgx_a100_selene", "dgx_h100", "gb200_nvl72"])
def test_a_system_has_the_values_of_its_calibration_and_is_written_and_read_back(system, tmp_path):
    path = CONFIGS / "systems" / f"{system}.toml"
    loaded = load_system(path)
    values = {p.path: p.value for p in loaded.calibration.parameters}
    for where, value in values.items():
        assert loaded.provenance[where].value == pytest.approx(value, rel=1e-6)
        assert loaded.provenance[where].source == "calibration"
    changed = loaded.calibration._replace(parameters=tuple(p._replace(value=p.low) for p in loaded.calibration.parameters))
    (tmp_path / "mine.toml").write_text(system_file(path.read_text(encoding="utf-8"), changed), encoding="utf-8")
    again = load_system(tmp_path / "mine.toml")
    assert [p.value for p in again.calibration.parameters] == pytest.approx([p.low for p in loaded.calibration.parameters])
    assert again.calibration.runs == loaded.calibration.runs
    (tmp_path / "class.toml").write_text(calibration_file(changed), encoding="utf-8")
    assert load_calibration(tmp_path / "class.toml").errors == changed.errors


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("label = 'x'\n", "needs a table 'parameters'"),
        ("[parameters.'device.x']\nunit = '1'\n", "the key 'value' is missing"),
        ("[parameters.x]\nunit='1'\nprior=1\nspread=1\nlow=2\nhigh=3\nvalue=1\ndeviation=1\n", "outside"),
        ("[parameters.x]\nunit='xyz'\nprior=1\nspread=1\nlow=0\nhigh=3\nvalue=1\ndeviation=1\n", "unit"),
        ("[parameters.x]\nunits='1'\n", "did you mean 'unit'?"),
    ],
)
def test_a_wrong_calibration_is_told_with_its_line(tmp_path, text, said):
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_calibration(path)
    assert any(said in p.message for p in caught.value.problems), caught.value.problems


ROWS = [("llama3_8b", 1, 1), ("llama3_8b", 2, 1), ("llama3_8b", 4, 1), ("llama3_70b", 8, 1), ("gpt_h100_7.1b", 2, 1), ("llama2_13b", 4, 1)]


def test_a_fit_recovers_the_machine_that_made_the_runs_and_its_jacobian_is_exact(tmp_path):
    rows = [
        GOOD | {"name": f"r{i}", "model": model, "tp": str(tp), "dp": str(8 // tp), "value": "1", "sequence_parallel": str(int(tp > 1))}
        for i, (model, tp, _) in enumerate(ROWS)
    ]
    blank = read_tables([table(tmp_path, rows, "blank")])[0]
    made = [r | {"value": f"{p.predicted:.9g}"} for r, p in zip(rows, predict(blank.runs), strict=True)]
    calibration = load_calibration(CONFIGS / "calibrations" / "hopper.toml")
    wide = tuple(p._replace(prior=p.value, spread=5.0) for p in calibration.parameters if "clock" in p.path)
    start = calibration._replace(parameters=tuple(p._replace(prior=0.9 * p.value) for p in wide))
    tables = read_tables([table(tmp_path, made, "made")])
    found, residuals = fit(tables, start)
    assert found.parameters[0].value == pytest.approx(wide[0].value, rel=1e-3)
    assert np.abs(residuals["fitted"]).max() < 1e-3
    assert found.errors["made"]["n"] == len(ROWS)
    evidence, x = Evidence(tables, start), np.log([wide[0].value])
    residual, slope = evidence(x)
    above, below = evidence(x + 1e-5)[0], evidence(x - 1e-5)[0]
    np.testing.assert_allclose(slope[:, 0], (above - below) / 2e-5, atol=1e-6)
    assert len(residual) == len(ROWS)
    assert math.isclose(evidence.weights.sum(), sum(math.sqrt(n) for n in (3, 1, 1, 1)))
    assert set(TIMES) >= {r["metric"] for r in made}
