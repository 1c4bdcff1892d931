"""Is a wrong number or name in a package told at the door, with its file, key and what was expected?"""

import re
import shutil

import pytest
from click.testing import CliRunner

from codesign.cli import main
from codesign.config.catalogue import SHIPPED
from codesign.config.load import load_design, load_system
from codesign.config.problems import ConfigError

SYSTEM, DIES, DESIGNED = "systems/chiplight.toml", "technology/dies.toml", "technology/designed_dies.toml"
PACKAGINGS, PROCESSES, OPTICS = "technology/packagings.toml", "technology/processes.toml", "technology/optical_links.toml"

WRONG = {
    "unknown node": (DIES, r'process = "n5"', 'process = "n5x"', "process", "did you mean 'n5'?"),
    "unknown packaging": (SYSTEM, r'packaging = "bridge_2027"', 'packaging = "bridge_2072"', "packaging", "did you mean 'bridge_2027'?"),
    "unknown cooling": (SYSTEM, r'cooling = "cold_plate"', 'cooling = "cold_plates"', "cooling", "did you mean 'cold_plate'?"),
    "unknown die": (SYSTEM, r'die = "h100_like"', 'die = "h100_lik"', "die", "did you mean 'h100_like'?"),
    "unknown optical link": (SYSTEM, r'link = "passage_engine_56g_x8"', 'link = "passage_engine_56g_x9"', "link", "did you mean"),
    "zero pitch": (PACKAGINGS, r"bump_pitch = .*", 'bump_pitch = "0 um"', "bump_pitch", "outside 0.1 um"),
    "negative pitch": (PACKAGINGS, r"bump_pitch = .*", 'bump_pitch = "-45 um"', "bump_pitch", "outside 0.1 um"),
    "pitch without unit": (PACKAGINGS, r"bump_pitch = .*", "bump_pitch = 45", "bump_pitch", "bare number"),
    "missing price": (PROCESSES, r"wafer_price = .*\n", "", "wafer_price", "this key is missing"),
    "missing price of memory": ("technology/memories.toml", r"\nprice = .*", "", "price", "this key is missing"),
    "yield above one": (PACKAGINGS, r"bond_yield = .*", "bond_yield = 1.2", "bond_yield", "outside 0.5 to 1"),
    "decibel as a share": (OPTICS, r"residual = .*", "residual = 1.08", "residual", "unit such as"),
    "no wavelength": (OPTICS, r"wavelengths = 8", "wavelengths = 0", "wavelengths", "outside 1"),
    "clock of a designed die": (DESIGNED, r"\nclock = .*", '\nclock = "0 GHz"', "clock", "outside 0.1 GHz"),
    "unknown kind of die": (SYSTEM, r'die = "h100_like"', 'die = { kind = "chip" }', "die", "expected kind = one of 'die', 'designed_die'"),
}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SHIPPED, tmp_path / "configs")
    return tmp_path / "configs"


@pytest.mark.parametrize("name", WRONG)
def test_one_mistake_in_a_package_is_told_with_its_key(name, folder):
    file, old, new, key, text = WRONG[name]
    path = folder / file
    changed, count = re.subn(old, new, path.read_text(encoding="utf-8"), count=1)
    assert count == 1
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_system(folder / SYSTEM)
    problem = caught.value.problems[0]
    assert key in problem.key
    assert problem.file.endswith(path.name)
    assert text in problem.message
    assert problem.line > 0 or "missing" in text


def test_a_published_die_may_stand_where_a_design_may(folder):
    path = folder / SYSTEM
    path.write_text(path.read_text(encoding="utf-8").replace('die = "h100_like"', 'die = "h100"'), encoding="utf-8")
    assert type(load_system(path).module.device.package.die).__name__ == "Die"


def test_outputs_name_the_constants_of_the_costs():
    path = SHIPPED / "designs" / "passage.toml"
    assert load_design(path).labels["packaging"] == "photonic interposer, calibrated 2025"
    older = load_design(path, ("cluster.device.package.packaging=interposer_2021",))
    assert older.labels["packaging"] == "silicon interposer, chips last, 2021 published"
    own = load_design(path, ("cluster.device.package.packaging.bond_yield=0.99",))
    assert own.labels["packaging"] == "photonic interposer, calibrated 2025, 1 numbers changed"


DRAWINGS = {"package.svg": b"<svg", "package.png": b"\x89PNG"}


@pytest.mark.parametrize("file", DRAWINGS)
@pytest.mark.parametrize("colour", ["kind", "temperature"])
def test_evaluate_draws_the_package(file, colour, tmp_path, monkeypatch):
    monkeypatch.setattr("codesign.commands.evaluate.elasticities", lambda *_: {})  # slopes are not what is drawn
    target = tmp_path / file
    command = ["evaluate", str(SHIPPED / "designs" / "deepseek_v3.toml"), "--draw", str(target), "--colour", colour, "--json"]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0, done.output
    assert target.read_bytes().lstrip().startswith(DRAWINGS[file])


@pytest.mark.parametrize("file", ["package.pdf", "package"])
def test_a_drawing_of_another_kind_is_refused(file, tmp_path):
    done = CliRunner().invoke(main, ["evaluate", str(SHIPPED / "designs" / "deepseek_v3.toml"), "--draw", str(tmp_path / file)])
    assert done.exit_code == 2
    assert ".svg or .png" in done.output
