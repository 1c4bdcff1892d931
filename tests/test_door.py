"""Is every mistake in a file told with its line, its key, what was expected and the nearest known name?"""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from small_run import CONFIGS, SMALL, written

from codesign.api import load
from codesign.config import ConfigError

BASES = {
    "study": lambda: SMALL,
    "design": (CONFIGS / "designs" / "passage.toml").read_text,
    "workload": (CONFIGS / "workloads" / "kimi_k2.toml").read_text,
    "system": (CONFIGS / "systems" / "passage.toml").read_text,
    "links": (CONFIGS / "technology" / "links.toml").read_text,
    "sources": (CONFIGS / "sources.toml").read_text,
}
TECHNOLOGY = {"links": "technology/links.toml", "sources": "sources.toml"}


class Case(NamedTuple):
    """`old` becomes `new` in a valid file; the one problem stands at `key`, on the line of `at` (default: of `new`)."""

    base: str
    old: str
    new: str
    key: str
    fragments: tuple[str, ...]
    at: str = ""


DEVICES, BANDWIDTH, LIMIT = "devices = 32768", 'bandwidth = "32 Tb/s"', 'low = "2500 W", default = "3200 W"'
TP, LINKS, POD = '"mapping.tp" = [8, 16]', '["copper", "passage_interposer"]', '"cluster.pod.size" = { low = 16, high = 512 }'
POD_KEY, LINK_KEY, UP = 'continuous."cluster.pod.size"', 'discrete."cluster.device.scale_up.link"', "device.scale_up.bandwidth"
ATTENTION, CONTINUOUS = "[model.attention]", SMALL.split("[continuous]\n")[1].split("\n\n")[0]

CASES = {
    # keys
    "unknown key": Case("workload", "d_ff = 18432", "d_ff = 18432\nd_fff = 1", "model.d_fff", ("unknown key", "'d_ff'")),
    "unknown key at the top": Case("study", "[mapping]", "objectivs = 1\n[mapping]", "objectivs", ("unknown key", "'objectives'")),
    "unknown key of a design": Case("design", "[mapping]", "worklod = 1\n[mapping]", "worklod", ("unknown key", "'workload'")),
    "unknown key of the mapping": Case("design", "tp = 16\n", "tp = 16\nttp = 1\n", "mapping.ttp", ("unknown key", "tp'")),
    "unknown key of a range": Case("system", LIMIT, LIMIT + ', lo = "1 W"', "device.package.power_limit", ("'lo'", "'low'")),
    "unknown key of a row": Case("links", 'reach = "500 m"', 'reach = "500 m"\nreech = 1', "pluggable.reech", ("unknown", "'reach'")),
    "unknown key of latent attention": Case(
        "workload", "rope_size = 64", "rope_size = 64\nkv_rnk = 5", "model.attention.kv_rnk", ("unknown key", "'kv_rank'")
    ),
    "unknown key named like a kind": Case("workload", "[model]\n", "[model]\nlatent = 1\n", "model.latent", ("unknown key 'latent'",)),
    "unknown key of the search": Case("study", "rounds = 1", "ronds = 1", "search.ronds", ("unknown key", "'rounds'")),
    "unknown key of a bound": Case("study", POD, POD.replace(" }", ", stp = 1 }"), POD_KEY + ".stp", ("unknown key", "'step'")),
    "unknown key of a reference": Case("study", 'name = "as', 'nam = 1\nname = "as', "reference.0.nam", ("unknown key", "'name'")),
    "missing key": Case("workload", "layers = 61\n", "", "model.layers", ("missing",), "[model]"),
    "missing part": Case("system", 'memory = "hbm4"\n', "", "device.package.memory", ("missing",), "[device.package]"),
    "missing default": Case("system", 'default = "3200 W", ', "", "device.package.power_limit", ("'default'",), "power_limit"),
    "missing high": Case("study", ", high = 512 }", " }", POD_KEY, ("low, high",), '"cluster.pod.size" = {'),
    # values
    "another kind of unit": Case("system", BANDWIDTH, 'bandwidth = "32 W"', UP, ("'W'", "'Tb/s'")),
    "unknown unit": Case("system", BANDWIDTH, 'bandwidth = "32 Tbps"', UP, ("unknown unit 'Tbps'", "Tb/s")),
    "no unit": Case("system", BANDWIDTH, 'bandwidth = "32"', UP, ("'32' has no unit", "Tb/s")),
    "bare number": Case("system", BANDWIDTH, "bandwidth = 32", UP, ("'32 Tb/s'", "bare number 32")),
    "out of range": Case("system", BANDWIDTH, 'bandwidth = "32000 Tb/s"', UP, ("32000 Tb/s", "0.01 Tb/s to 2000 Tb/s")),
    "zero": Case("workload", "layers = 61", "layers = 0", "model.layers", ("0 is outside 1 to 10,000",)),
    "negative": Case("system", BANDWIDTH, 'bandwidth = "-32 Tb/s"', UP, ("-32 Tb/s is outside",)),
    "nan": Case("system", DEVICES, "devices = nan", "devices", ("finite", "nan")),
    "inf": Case("system", DEVICES, "devices = inf", "devices", ("finite", "inf")),
    "overflowing text": Case("system", BANDWIDTH, 'bandwidth = "1e999 Tb/s"', UP, ("finite",)),
    "bool": Case("system", DEVICES, "devices = true", "devices", ("number", "bool")),
    "list": Case("system", DEVICES, "devices = [1]", "devices", ("number", "list")),
    "date": Case("system", DEVICES, "devices = 2024-01-01", "devices", ("number", "date")),
    "text for a count": Case("workload", "heads = 64", 'heads = "many"', "model.attention.heads", ("expected a number", "many")),
    "part of a device": Case("system", DEVICES, "devices = 2.5", "devices", ("whole number", "2.5")),
    "number for a label": Case("workload", 'label = "Kimi K2"', "label = 3", "label", ("string",)),
    "number for a part": Case("design", 'schedule = "full"', "schedule = 5", "mapping.schedule", ("table or the name of a row",)),
    "low above default": Case("system", LIMIT, LIMIT.replace("2500", "3900"), "device.package.power_limit", ("low <= default <= high",)),
    "high below default": Case("system", 'high = "4000 W"', 'high = "3000 W"', "device.package.power_limit", ("<= high",)),
    "low of another unit": Case("system", LIMIT, LIMIT.replace("2500 W", "2500 m"), "device.package.power_limit", ("'m'", "'W'")),
    "wrong value in a row": Case("links", 'reach = "500 m"', 'reach = "500 s"', "pluggable.reach", ("'s'", "'m'")),
    "wrong value over a row": Case(
        "system", 'memory = "hbm4"', 'memory = { row = "hbm4", price = "1 W" }', "device.package.memory.price", ("'W'", "'$'")
    ),
    # names
    "unknown row": Case("system", '"passage_interposer"', '"pasage_interposer"', "device.scale_up.link", ("links", "'passage_inter")),
    "unknown schedule": Case("design", 'schedule = "full"', 'schedule = "ful"', "mapping.schedule", ("schedules", "'full'")),
    "unknown workload": Case("study", '"passage_4.7t"', '"pasage_4.7t"', "workload", ("workloads", "'passage_4.7t'")),
    "unknown system": Case("study", 'system = "passage"', 'system = "pasage"', "system", ("systems", "'passage'")),
    "number for a system": Case("study", 'system = "passage"', "system = 5", "system", ("name of a system",)),
    "unknown objective": Case("study", '"energy_to_train"', '"energy_to_trian"', "objectives", ("'energy_to_train'",)),
    "one objective": Case("study", ', "energy_to_train", "capital_cost"]', "]", "objectives", ("at least two",), "objectives"),
    "unknown metric": Case(
        "study", "[search]", '[limits]\npackage_powr = "1 W"\n[search]', "limits.package_powr", ("'package_power'",), "package_powr"
    ),
    "limit of another unit": Case(
        "study", "[search]", '[limits]\npackage_power = "1 m"\n[search]', "limits.package_power", ("'m'", "'W'"), "package_power"
    ),
    "unknown path": Case("study", '"mapping.tp"', '"mapping.ttp"', 'discrete."mapping.ttp"', ("'mapping.tp'",)),
    "path of another part": Case(
        "study", '"cluster.pod.size" = {', '"cluster.size" = {', 'continuous."cluster.size"', ("'cluster.pod.size'",)
    ),
    "unknown path to set": Case(
        "design", "[mapping]", '[set]\n"cluster.pod.sise" = 4\n[mapping]', 'set."cluster.pod.sise"', ("'cluster.pod.size'",), "sise"
    ),
    "unknown path of a reference": Case(
        "study", '"cluster.pod.size" = 512', '"cluster.pod.sise" = 512', 'reference.0.set."cluster.pod.sise"', ("'cluster.pod.size'",)
    ),
    "unknown source": Case("system", 'source = "passage_2025" }', 'source = "passage_2024" }', "pod.devices_per_rack", ("'passage_2025'",)),
    "unknown kind": Case("workload", 'kind = "latent"', 'kind = "latnt"', "model.attention", ("'grouped_query', 'latent'",), ATTENTION),
    "no kind": Case("workload", 'kind = "latent"\n', "", "model.attention", ("'grouped_query'", "'latent'"), ATTENTION),
    # the free variables
    "bounds crossed": Case("study", "low = 16, high = 512", "low = 512, high = 16", POD_KEY, ("crossed", "512", "16")),
    "bounds equal": Case("study", "low = 16, high = 512", "low = 16, high = 16", POD_KEY, ("crossed",)),
    "low not positive": Case(
        "study", POD, '"cluster.device.scale_out.link.energy_serdes" = { low = "0 pJ/bit", high = "5 pJ/bit" }',
        'continuous."cluster.device.scale_out.link.energy_serdes".low', ("positive", "logarithms"),
    ),
    "low out of range": Case("study", "low = 16, high", "low = 0, high", POD_KEY + ".low", ("0 is outside 1 to",)),
    "negative step": Case("study", "high = 512 }", "high = 512, step = -1 }", POD_KEY + ".step", ("-1 is outside",)),
    "number for bounds": Case("study", POD, '"cluster.pod.size" = 5', POD_KEY, ("low, high",)),
    "nothing continuous": Case("study", CONTINUOUS, "", "continuous", ("at least one continuous",), "[continuous]"),
    "no choice": Case("study", "[8, 16]", "[]", 'discrete."mapping.tp"', ("at least one choice",)),
    "choice out of range": Case("study", "[8, 16]", "[0, 16]", 'discrete."mapping.tp"', ("0 is outside 1",)),
    "choice twice": Case("study", "[8, 16]", "[8, 16, 8]", 'discrete."mapping.tp"', ("listed twice",)),
    "part twice": Case("study", LINKS, '["copper", "copper"]', LINK_KEY, ("listed twice",)),
    "unknown part": Case("study", LINKS, '["coper"]', LINK_KEY, ("links", "'copper'")),
    "discrete and continuous": Case("study", POD, '"mapping.tp" = { low = 4, high = 8 }', 'continuous."mapping.tp"', ("discrete",)),
    "text for the search": Case("study", "rounds = 1", 'rounds = "1"', "search.rounds", ("whole number", "'1'")),
    "zero for the search": Case("study", "lanes = 512", "lanes = 0", "search.lanes", ("whole number", "0")),
    # TOML
    "key twice": Case("design", "tp = 16\n", "tp = 16\ntp = 8\n", "", ("not valid TOML", "overwrite"), "tp = 8"),
    "not TOML": Case("workload", "layers = 61", "layers = = 61", "", ("not valid TOML",)),
    "number as a row": Case("links", "[copper]", "stray = 3\n[copper]", "stray", ("table",)),
}  # fmt: skip


def placed(case: Case, folder: Path) -> tuple[Path, Path]:
    """The file with the mistake, and the file to load."""
    text = BASES[case.base]()
    assert case.old in text
    text = text.replace(case.old, case.new, 1)
    if case.base in TECHNOLOGY:
        shutil.copytree(CONFIGS, folder / "configs")
        broken, loaded = folder / "configs" / TECHNOLOGY[case.base], folder / "configs" / "systems" / "passage.toml"
    else:
        broken = loaded = folder / f"{case.base}.toml"
    broken.write_text(text, encoding="utf-8")
    return broken, loaded


def line_of(path: Path, text: str) -> int:
    return next(n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if text in line)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_mistake_is_one_message(case, tmp_path):
    broken, loaded = placed(case, tmp_path)
    with pytest.raises(ConfigError) as told:
        load(loaded)
    new = [line for line in case.new.splitlines() if line not in case.old] or case.new.splitlines()
    assert len(told.value.problems) == 1, str(told.value)
    (problem,) = told.value.problems
    assert Path(problem.file).name == broken.name
    assert problem.key == case.key
    assert problem.line == line_of(broken, case.at or new[0]), str(problem)
    for fragment in case.fragments:
        assert fragment in problem.message
    assert str(told.value).startswith(f"{problem.file}:{problem.line}: ")


def problems(path: Path) -> list:
    with pytest.raises(ConfigError) as told:
        load(path)
    return told.value.problems


def test_a_missing_file_names_its_nearest_sibling(tmp_path):
    written(tmp_path, SMALL, "small.toml")
    (problem,) = problems(tmp_path / "smal.toml")
    assert (Path(problem.file).name, problem.line) == ("smal.toml", 0)
    assert problem.message == "no such file; did you mean 'small.toml'?"
    (problem,) = problems(tmp_path / "nowhere" / "small.toml")
    assert problem.message == "no such file"


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"\x00", b"= 3", b"[a", b'a = "', b"\xef\xbb\xbfa = 1"])
def test_what_is_no_text_or_no_toml(tmp_path, content):
    path = tmp_path / "file.toml"
    path.write_bytes(content)
    (problem,) = problems(path)
    assert "cannot be read" in problem.message or "not valid TOML" in problem.message


def test_a_folder_and_an_empty_file(tmp_path):
    (problem,) = problems(tmp_path)
    assert "cannot be read" in problem.message
    (problem,) = problems(written(tmp_path, "", "empty.toml"))
    assert "describes nothing known" in problem.message
    assert "objectives" in problem.message


def test_a_part_in_another_file_is_told_with_that_file(tmp_path):
    broken = BASES["workload"]().replace("layers = 61", "layers = 61.5")
    written(tmp_path, broken, "own.toml")
    study = written(tmp_path, SMALL.replace('"passage_4.7t"', '"own.toml"').replace("\ntp = 16\n", "\ntp = 1.5\n"), "study.toml")
    own, mapping = problems(study)
    assert (Path(own.file).name, own.key, own.line) == ("own.toml", "model.layers", line_of(tmp_path / "own.toml", "layers = 61.5"))
    assert (Path(mapping.file).name, mapping.key) == ("study.toml", "mapping.tp")


def test_numbers_without_a_source_are_named_one_by_one(tmp_path):
    text = BASES["system"]().replace('source = "passage_2025"\n', "", 1)
    found = problems(written(tmp_path, text, "system.toml"))
    keys = {p.key for p in found}
    assert len(keys) == len(found)
    assert {"devices", "device.scale_up.bandwidth", "device.package.stacks", "pod.size"} <= keys
    assert all("assumption" in p.message and p.line for p in found)
    assert "device.package.power_limit" not in keys


MISTAKES = {
    '"energy_to_train"': '"energy_to_trian"', "[8, 16]": "[0, 16]", '"passage_interposer"]': '"pasage"]', "low = 16,": "low = 600,",
    "rounds = 1": "ronds = 1", "lanes = 512": "lanes = -1", '"cluster.pod.size" = 512': '"cluster.pod.sise" = 512',
}  # fmt: skip


def test_all_mistakes_are_told_at_once(tmp_path):
    text = SMALL
    for old, new in MISTAKES.items():
        text = text.replace(old, new)
    found = problems(written(tmp_path, text))
    lines = [line_of(tmp_path / "study.toml", new) for new in MISTAKES.values()]
    assert sorted(p.line for p in found) == sorted(lines)


def test_a_broken_mapping_does_not_hide_the_rest(tmp_path):
    text = SMALL.replace("\ntp = 16\n", "\ntp = 1.5\n").replace("rounds = 1", "ronds = 1").replace('"energy_to_t', '"enrgy_to_t')
    keys = {p.key for p in problems(written(tmp_path, text))}
    assert keys == {"mapping.tp", "search.ronds", "objectives"}


SETTINGS = {
    "cluster.pod.size": ("--set", "path=value"),
    "cluster.pod.sise=4": ("sise", "'cluster.pod.size'"),
    "cluster.pod.size=4 W": ("cluster.pod.size", "4 W"),
    "cluster.device.scale_up.bandwidth=4 W": ("'W'", "'Tb/s'"),
    "search.ronds=4": ("ronds", "'rounds'"),
    "title.x=1": ("title",),
    "search.rounds.x=1": ("search.rounds",),
    'discrete="x"': ("discrete", "table"),
}


@pytest.mark.parametrize(("setting", "fragments"), SETTINGS.items(), ids=SETTINGS)
def test_a_wrong_setting(tmp_path, setting, fragments):
    study = written(tmp_path, SMALL)
    with pytest.raises(ConfigError) as told:
        load(study, (setting,))
    assert len(told.value.problems) == 1
    assert all(fragment in str(told.value) for fragment in fragments)
