"""Is a family of workloads read as its variants, and every mistake in one told where it is written?"""

import shutil
from pathlib import Path

import pytest
from cases import WORKLOADS
from small_run import CONFIGS, SMALL, invoke, strict_json, written

from codesign.api import load
from codesign.config import ConfigError, load_design, load_family, load_workload_named, workload_names
from codesign.config.workloads import workload_documents
from codesign.tree import leaves

BASE = (CONFIGS / "workloads" / "kimi_k2.toml").read_text(encoding="utf-8").replace("layers = 61\n", "", 1)
FAMILY = (
    BASE
    + """
[variants.small]
note = "a variant with every kind of change"
model = { layers = 2, attention = { heads = 8 } }
training = { tokens = { default = 1e9, low = 1e8, source = "assumption" } }

[variants."big_1.5t"]
label = "Big"
source = "assumption"
[variants."big_1.5t".model]
layers = 90
[variants."big_1.5t".model.attention]
kv_rank = 1024
[variants."big_1.5t".training]
precision = "fp8_deepseek"
"""
)


def problems(path: object) -> list:
    with pytest.raises(ConfigError) as told:
        load(path)
    return told.value.problems


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def folder_with(folder: Path, **files: str) -> Path:
    """A copy of the shipped configuration with more workload files."""
    shutil.copytree(CONFIGS, folder / "configs")
    for name, text in files.items():
        written(folder / "configs" / "workloads", text, f"{name}.toml")
    return folder / "configs"


def test_a_variant_is_the_rest_of_the_file_with_its_own_numbers_on_top(tmp_path):
    path = written(tmp_path, FAMILY, "family.toml")
    changes = {"small": {"model.layers": 2, "model.attention.heads": 8, "training.tokens": 1e9}}
    changes["big_1.5t"] = {"model.layers": 90, "model.attention.kv_rank": 1024}
    kimi = {name: float(value) for name, _, value in leaves(load_workload_named("kimi_k2").module)}
    family = load_family(path)
    assert {name: loaded.label for name, loaded in family.items()} == {"small": "small", "big_1.5t": "Big"}
    for name, loaded in family.items():
        found = {p: float(value) for p, _, value in leaves(load(f"{path}#{name}"))}
        assert {p: v for p, v in found.items() if v != kimi[p] and "precision" not in p} == changes[name]
        assert loaded.provenance["model.d_ff"].source == {"small": "kimi_k2_2025", "big_1.5t": "assumption"}[name]
    assert family["small"].provenance["training.tokens"].low == 1e8
    assert family["big_1.5t"].provenance["training.precision.share_8bit"].source == "deepseek_v3_2024"


def test_a_design_names_a_variant_by_name_or_by_path(tmp_path):
    text = SMALL.split("[discrete]")[0].replace('objectives = ["time_to_train", "energy_to_train", "capital_cost"]\n', "")
    written(tmp_path, FAMILY, "family.toml")
    for name, label in (("family.toml#big_1.5t", "Big"), ("gpt_sc21_1.7b", "GPT 1.7B, Megatron SC21"), ("kimi_k2", "Kimi K2")):
        design = written(tmp_path, text.replace('"passage_4.7t"', f'"{name}"'), "design.toml")
        assert load_design(design).labels["workload"] == label
    for name, hint in (("llama3_70", "'llama3_70b'"), ("llama3", "family of workloads; name one of llama3_8b, llama3_70b")):
        (problem,) = problems(written(tmp_path, text.replace('"passage_4.7t"', f'"{name}"'), "design.toml"))
        assert (Path(problem.file).name, problem.key, problem.line) == ("design.toml", "workload", 3)
        assert hint in problem.message


def test_names_come_from_files_and_variants_and_are_read_again_after_a_change(tmp_path):
    folder = folder_with(tmp_path, family=FAMILY)
    assert set(workload_names(folder / "workloads")) == {*WORKLOADS, "small", "big_1.5t"}
    assert workload_documents(folder / "workloads") is workload_documents(folder / "workloads")
    written(folder / "workloads", FAMILY.replace("variants.small", "variants.smaller"), "family.toml")
    assert "smaller" in workload_names(folder / "workloads")
    assert float(load_workload_named("smaller", folder).module.model.layers) == 2
    with pytest.raises(ConfigError, match="did you mean 'smaller'"):
        load_workload_named("smalller", folder)


WRONG = {
    "a family by itself": ("", "", "", "variants", ("family.toml#small, family.toml#big_1.5t",), "[variants.small]"),
    "unknown variant": ("", "", "#smal", "variants", ("no variant 'smal'", "'small'"), "[variants.small]"),
    "unknown key": ("layers = 90", "layers = 90\nlayrs = 1", "#big_1.5t", 'variants."big_1.5t".model.layrs', ("'layers'",), "layrs"),
    "unknown key in a line": ("heads = 8", "hads = 8", "#small", "variants.small.model.attention.hads", ("'heads'",), "hads"),
    "unknown table": ('label = "Big"', 'lable = "Big"', "#big_1.5t", 'variants."big_1.5t".lable', ("unknown key",), "lable"),
    "value out of range": ("layers = 90", "layers = 0", "#big_1.5t", 'variants."big_1.5t".model.layers', ("outside",), "layers = 0"),
    "missing in both": ("layers = 90", "", "#big_1.5t", 'variants."big_1.5t".model.layers', ("missing",), '[variants."big_1.5t".model]'),
    "wrong in the base": ("gated = 1", "gated = 2", "#small", "model.gated", ("2 is outside",), "gated = 2"),
    "unknown source": ('"kimi_k2_2025"', '"kimi_k3"', "#small", "source", ("unknown source",), "kimi_k3"),
    "unknown source of one": ("e8, source = \"assumption\"", "e8, source = \"asumption\"", "#small", "variants.small.training.tokens",
        ("'assumption'",), "asumption"),
    "variant in a variant": ('label = "Big"', "variants = 3", "#big_1.5t", 'variants."big_1.5t".variants', ("unknown key",),
        "variants = 3"),
    "no table": ("[variants.small]", "[variants]\nfew = 1\n[variants.small]", "#small", "variants.few", ("expected a table",), "few"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_one_mistake_is_one_message(name, tmp_path):
    old, new, variant, key, fragments, at = WRONG[name]
    path = written(tmp_path, FAMILY.replace(old, new, 1), "family.toml")
    (problem,) = problems(f"{path}{variant}")
    assert (Path(problem.file).name, problem.key, problem.line) == ("family.toml", key, line_of(path, at)), str(problem)
    assert all(fragment in problem.message for fragment in fragments), str(problem)


@pytest.mark.parametrize("text", ["[variants]\n", "variants = 3\n", "variants = []\n"])
def test_a_family_without_variants(text, tmp_path):
    path = written(tmp_path, text + BASE if "=" in text else BASE + text, "family.toml")
    for variant in ("", "#small"):
        (problem,) = problems(f"{path}{variant}")
        assert (problem.key, problem.line) == ("variants", line_of(path, "variants"))
        assert "at least one table [variants.NAME]" in problem.message


@pytest.mark.parametrize(("name", "other"), [("small", "other.toml"), ("kimi_k2", "kimi_k2.toml"), ("llama3_8b", "llama3.toml")])
def test_a_name_is_taken_once(name, other, tmp_path):
    more = {"other": FAMILY.replace("big_1.5t", "big_2t")} if name == "small" else {}
    folder = folder_with(tmp_path, zoo=FAMILY.replace("variants.small", f"variants.{name}"), **more)
    with pytest.raises(ConfigError) as told:
        workload_names(folder / "workloads")
    (problem,) = told.value.problems
    assert (Path(problem.file).name, problem.key) == ("zoo.toml", f"variants.{name}")
    assert problem.line == line_of(Path(folder / "workloads" / "zoo.toml"), f"[variants.{name}]")
    assert f"the name '{name}' is taken by" in problem.message
    assert problem.message.endswith(other)
    assert invoke("check", folder / "workloads" / "zoo.toml").exit_code == 2


def test_check_reads_every_variant_and_tells_every_problem(tmp_path):
    path = written(tmp_path, FAMILY, "family.toml")
    checked = invoke("check", path, "--json")
    assert (checked.exit_code, strict_json(checked.stdout)["variants"]) == (0, ["small", "big_1.5t"])
    assert "variants: small, big_1.5t" in invoke("check", path).stdout
    assert strict_json(invoke("check", f"{path}#small", "--json").stdout)["ok"]
    path.write_text(FAMILY.replace("layers = 90", "layers = 0").replace("heads = 8", "heads = 0").replace("gated = 1", "gated = 2"))
    told = strict_json(invoke("check", path, "--json").stdout)["problems"]
    assert [p["key"] for p in told] == ["model.gated", "variants.small.model.attention.heads", 'variants."big_1.5t".model.layers']


def test_the_list_names_every_variant():
    entries = {e["name"]: e["label"] for e in strict_json(invoke("list", "workloads", "--json").stdout)["workloads"]}
    assert sorted(entries) == WORKLOADS
    assert entries["llama3_70b"] == "Llama 3 70B"
