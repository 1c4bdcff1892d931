"""Can a study leave the fabric free: is every cell its design, every row rebuilt, every mistake told, what cannot be built named?"""

import itertools
import shutil
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_run import CONFIGS, invoke, told, written
from test_door import Case, line_of

from codesign import tree
from codesign.api import load
from codesign.cells import applied, cell_values, open_point
from codesign.config import ConfigError
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.config.schema import snake
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.report.folder import read_run
from codesign.report.rebuild import design_of
from codesign.report.run import Run, resolved_study
from codesign.search.space import cells_at
from codesign.study import Front, label_of, make_exact_evaluation
from codesign.units import to_unit

DESIGN = """\
title = "Two fabrics"
system = "mixnet_sim"
workload = "olmoe_1b_7b"
"""
MAPPING = """
[mapping]
schedule = "megatron_core_plain"
dp = 256
tp = 1
pp = 4
ep = 32
etp = 1
micro_batch = 1
"""
FREE = """
[discrete]
"cluster.fabric" = ["fat_tree", "optical_circuits"]
"cluster.fabric.region" = [64, 128]
"cluster.fabric.tiers" = [3]
"mapping.ep" = [8, 32]

[discrete.rate."100 Gb/s"]
"cluster.device.scale_out.link" = "pluggable_100g"
"cluster.device.scale_out.bandwidth" = "100 Gb/s"
"cluster.fabric.switch" = "eps_100g"

[discrete.rate."400 Gb/s"]
"cluster.device.scale_out.link" = "pluggable_400g"
"cluster.device.scale_out.bandwidth" = "400 Gb/s"
"cluster.fabric.switch" = "eps_400g"

[continuous]
"cluster.device.scale_up.bandwidth" = { low = "0.6 Tb/s", high = "7.2 Tb/s", step = "0.6 Tb/s" }
"cluster.fabric.optical_share" = { low = 0.25, high = 0.75, step = 0.125 }

[search]
rounds = 1
directions = 12
lanes = 512
generations = 4

[[reference]]
name = "circuits at 400 Gb/s"
[reference.set]
"cluster.fabric" = "optical_circuits"
"cluster.fabric.region" = 256
"""
STUDY = DESIGN + 'objectives = ["step_time", "network_cost"]\n' + MAPPING + FREE
FABRIC = "cluster.fabric"
FABRICS = {name: row.module for name, row in load_catalogue(SHIPPED).rows["fabrics"].items()}
PACKAGE = STUDY[STUDY.index('[discrete.rate."100') : STUDY.index("[continuous]")]
CONTINUOUS = {"cluster.device.scale_up.bandwidth": "3.6 Tb/s", "cluster.fabric.optical_share": 0.5}
"""Of the continuous variables one value each."""


def replaced(text, changes):
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def set_by(discrete, labels):
    """What a design file sets for the named choices, as written, without the numbers that its fabric lacks."""
    values = {}
    for name, label in labels.items():
        values |= discrete[name][label] if isinstance(discrete[name], dict) else {name: label}
    row = FABRICS[values[FABRIC]]
    inside = {path: path.removeprefix(FABRIC + ".") for path in values | CONTINUOUS if path.startswith(FABRIC + ".")}
    foreign = {path for path, inner in inside.items() if not tree.has(row, inner)}
    return {path: value for path, value in (values | CONTINUOUS).items() if path not in foreign}


def labels_of(study, discrete, cell):
    """The choices of a cell in the words of the file."""
    found = {}
    for free in study.file.discrete:
        number = free.values.index(study.columns[free.path][cell])
        found[free.path] = list(discrete[free.path])[number]
        assert not free.names or label_of(free, study.columns[free.path][cell]) == found[free.path]
    return found


# cells


LISTED, NUMBERS = '["fat_tree", "optical_circuits"]', '"cluster.fabric.region" = [64, 128]\n'
LAST, SLOW = '"cluster.fabric.switch" = "eps_400g"\n', '"cluster.fabric.switch" = "eps_100g"\n'
SHARE_LINE = '"cluster.fabric.optical_share" = { low = 0.25, high = 0.75, step = 0.125 }\n'
CIRCUITS = """[discrete.device.slow]
"cluster.fabric.circuit" = "piezo"
[discrete.device.fast]
"cluster.fabric.circuit" = "rotor"

[continuous]"""
COMBINATIONS = {
    "a number of one fabric": {},
    "no number": {NUMBERS: ""},
    "numbers of two of three": {
        LISTED: '["patch_panel", "fat_tree", "optical_circuits"]',
        "[3]\n": '[3]\n"cluster.fabric.group_share" = [0, 0.5]\n',
    },
    "a part of one fabric": {NUMBERS: '"cluster.fabric.circuit" = ["piezo", "rotor"]\n'},
    "a number of no fabric but one": {LISTED: '["dragonfly", "optical_circuits"]', "tiers": "hosts", "[3]": "[4, 8]"},
    "the others first": {LISTED: '["optical_circuits", "rail_only", "fat_tree"]', "[64, 128]": "[128, 64, 256]"},
    "a package of one fabric": {"[continuous]": CIRCUITS},
}


@pytest.mark.parametrize("changes", COMBINATIONS.values(), ids=COMBINATIONS)
def test_combinations_that_differ_only_in_what_the_fabric_lacks_appear_once(tmp_path, changes):
    study = load(written(tmp_path, replaced(STUDY, changes)))
    discrete = tomllib.loads(replaced(STUDY, changes))["discrete"]
    found = [str(set_by(discrete, labels_of(study, discrete, cell))) for cell in range(study.space.size)]
    every = itertools.product(*(list(choices) for choices in discrete.values()))
    assert len(found) == len(set(found))
    assert set(found) == {str(set_by(discrete, dict(zip(discrete, labels, strict=True)))) for labels in every}


def toml(value):
    return f'"{value}"' if isinstance(value, str) else repr(value)


def test_every_cell_is_the_design_it_stands_for(run, tmp_path):
    """As a design file of its own would say it."""
    study, discrete = load(run.study), tomllib.loads(STUDY)["discrete"]
    assert study.space.size == 12
    points = []
    for cell in range(study.space.size):
        values = set_by(discrete, labels_of(study, discrete, cell))
        own = "".join(f'"{path}" = {toml(value)}\n' for path, value in values.items())
        points.append(load(written(tmp_path, f"{DESIGN}{MAPPING}[set]\n{own}", "design.toml")))
        assert float(study.columns["mapping.dp"][cell]) == float(points[-1].design.mapping.dp)
    x = np.array([[450e9], [0.5]]) * np.ones(study.space.size)
    metrics, *_ = make_exact_evaluation(study)(x, np.arange(study.space.size))
    expected = tree.evaluate_all(lambda pair: evaluate(*pair), [(point.design, point.workload) for point in points])
    for a, b in zip(jax.tree.leaves(metrics), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, np.broadcast_to(b, np.shape(a)), rtol=1e-12)
    assert len(set(zip(metrics.step_time, metrics.circuit_ports, strict=True))) == study.space.size


INNER_FIRST = {LAST: '"cluster.fabric.switch.radix" = 48\n' + LAST, SLOW: '"cluster.fabric.switch.radix" = 32\n' + SLOW}
BUILT = {
    **COMBINATIONS,
    "a number of a new part, stated first": INNER_FIRST,
    "a number of a new part, stated last": {
        LAST: LAST + '"cluster.fabric.switch.radix" = 48\n',
        SLOW: SLOW + '"cluster.fabric.switch.radix" = 32\n',
    },
    "a part and a number outside the fabric": {
        NUMBERS: NUMBERS + '"cluster.device.package.memory" = ["hbm2e", "hbm3"]\n"cluster.devices" = [1024]\n'
    },
    "no free fabric": {f'"cluster.fabric" = {LISTED}\n': "", NUMBERS: "", SHARE_LINE: ""},
}


def same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def searched(study, x, cell):
    """The design that the search evaluates in a cell, the chosen fabric in the place of all."""
    values = cells_at(cell_values(study.file, study.columns, jnp.float64), np.array(cell))
    free = dict(zip((free.path for free in study.file.continuous), jnp.asarray(x), strict=True))
    design, workload = applied(open_point(study.file, study.design, study.workload), values | free)
    if f"{FABRIC}.index" in values:
        design = tree.put(design, {FABRIC: design.cluster.fabric.members[int(values[f"{FABRIC}.index"])]})
    return design, workload


@pytest.mark.parametrize("changes", BUILT.values(), ids=BUILT)
def test_search_front_and_run_folder_build_the_same_design(tmp_path, changes):
    study = load(written(tmp_path, replaced(STUDY, changes)))
    x = np.array([free.low for free in study.file.continuous])
    values = {free.path: np.full(study.space.size, free.low) for free in study.file.continuous}
    front = Front(study, study.columns, values, *[None] * 5)
    columns = {
        free.name: [label_of(free, v) if free.names else to_unit(v, free.unit) for v in study.columns[free.path]]
        for free in study.file.discrete
    }
    columns |= {free.name: [to_unit(free.low, free.unit)] * study.space.size for free in study.file.continuous}
    run = Run({"study": resolved_study(front.study)}, {"id": list(range(study.space.size)), "dp": study.columns["mapping.dp"]} | columns)
    for cell in range(0, study.space.size, 3):
        built = front.design(cell)
        same(searched(study, x, cell), built)
        same(design_of(run, cell), built)


# a run


class Solved:
    """The study file, its run folder, and the run read back."""

    def __init__(self, folder):
        self.study, self.folder = written(folder, STUDY), folder / "run"
        result = invoke("optimize", self.study, "--out", self.folder, "--seed", 7)
        assert result.exit_code == 0, result.output
        self.read = read_run(self.folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One small run."""
    return Solved(tmp_path_factory.mktemp("fabrics"))


def test_every_row_is_rebuilt_as_it_was_evaluated(run):
    read = run.read
    with jax.enable_x64(True):
        pairs = [design_of(read, row) for row in range(read.size)]
        metrics = tree.evaluate_all(lambda pair: evaluate(*pair), pairs)
    for name, declared in quantities(metrics).items():
        again = [to_unit(value, declared.unit) for value in np.broadcast_to(getattr(metrics, name), read.size)]
        assert again == pytest.approx(read.columns[name], rel=1e-9), name
    for name, term in metrics.breakdown.items():
        assert list(np.broadcast_to(term, read.size)) == pytest.approx(read.columns[f"time.{name}"], rel=1e-9), name
    assert set(read.columns["fabric"]) == {"fat_tree", "optical_circuits"}
    for row, (design, _) in enumerate(pairs):
        fabric, rate = design.cluster.fabric, read.columns["rate"][row]
        assert snake(type(fabric).__name__) == read.columns["fabric"][row]
        assert to_unit(design.cluster.device.scale_out.bandwidth, "Gb/s") == pytest.approx(float(rate.split()[0]))
        assert float(fabric.switch.port_bandwidth) == float(design.cluster.device.scale_out.bandwidth)
        if tree.has(fabric, "region"):
            assert (float(fabric.region), float(fabric.optical_share)) == (read.columns["region"][row], read.columns["optical_share"][row])


@pytest.mark.parametrize("name", ["fat_tree", "optical_circuits"])
def test_a_row_is_explained(run, name):
    row = run.read.columns["fabric"].index(name)
    target = f"{run.folder}#{run.read.columns['id'][row]}"
    data = told(invoke("explain", target, "--json"))
    assert {"fabric", "region", "rate", "optical_share", "scale_up.bandwidth"} <= set(data["choices"])
    assert (data["choices"]["fabric"]["value"], data["metrics"]["step_time"]["value"]) == (
        name,
        pytest.approx(run.read.columns["step_time"][row]),
    )
    assert any(path.startswith("cluster.fabric.") for path in data["sensitivities"]["network_cost"])
    text = invoke("explain", target)
    assert text.exit_code == 0
    assert f"fabric: {name}" in text.stdout
    assert "against circuits at 400 Gb/s" in text.stdout


# what cannot be built


UNBUILT = {
    "ports": ('"cluster.fabric" = "optical_circuits"\n"cluster.fabric.region" = 1024\n', "circuit switch", 768, 576, "a smaller region"),
    "tiers": ('"cluster.fabric" = "fat_tree"\n"cluster.fabric.tiers" = 1\n', "fabric size", 1024, 64, "more tiers"),
}


@pytest.mark.parametrize(("values", "limit", "demand", "bound", "lever"), UNBUILT.values(), ids=UNBUILT)
def test_a_fabric_that_cannot_be_built_is_evaluated_with_its_broken_limit(tmp_path, monkeypatch, values, limit, demand, bound, lever):
    monkeypatch.setattr("codesign.commands.evaluate.elasticities", lambda *_: {"step_time": {"cluster.pod.size": 0.0}})  # slow to compile
    design = written(tmp_path, f"{DESIGN}{MAPPING}\n[set]\n{values}", "design.toml")
    result = invoke("evaluate", design, "--json")
    assert result.exit_code == 3
    (broken,) = [record for record in told(result)["constraints"] if not record["met"]]
    assert (broken["name"], broken["demand"], broken["bound"]) == (limit, pytest.approx(demand), pytest.approx(bound))
    assert lever in broken["levers"]
    assert broken["gap"] == pytest.approx(demand - bound)
    text = invoke("evaluate", design)
    assert text.exit_code == 3
    (row,) = [line for line in text.stdout.splitlines() if "BROKEN" in line]
    assert all(part in row for part in (limit, str(demand), str(bound))), row
    assert f"{limit} is broken; levers: " in text.stdout


ALL_UNBUILT = {
    "ports": (
        {LISTED: '["optical_circuits"]', "[64, 128]": "[1024]", "low = 0.25, high = 0.75": "low = 0.625, high = 0.75"},
        *UNBUILT["ports"][1:],
    ),
    "tiers": ({"[3]": "[1]"}, *UNBUILT["tiers"][1:]),
}


@pytest.mark.parametrize(("changes", "limit", "demand", "bound", "lever"), ALL_UNBUILT.values(), ids=ALL_UNBUILT)
def test_a_study_of_only_such_fabrics_says_what_bars_it(run, tmp_path, changes, limit, demand, bound, lever):
    result = invoke("optimize", written(tmp_path, replaced(STUDY, changes)), "--out", tmp_path / "run", "--json")
    data = told(result)
    assert (result.exit_code, data["error"], data["constraint"]["name"]) == (3, "infeasible", limit)
    record = data["constraint"]
    assert bound < record["demand"] <= demand
    assert record["bound"] >= bound
    assert record["gap"] == pytest.approx(record["demand"] - record["bound"])
    assert lever in record["levers"]
    assert set(data["nearest_design"]) == {"fabric", "region", "tiers", "ep", "rate", "scale_up.bandwidth", "optical_share"}
    assert all(part in result.stderr.splitlines()[-1] for part in (f"infeasible: {limit}: ", "too much at the nearest design", lever))
    assert not (tmp_path / "run").exists()


# the door


TABLE = """\
[fabric]
kind = "optical_circuits"
source = "mixnet_2025"
switch = "eps_400g"
trunk = "pluggable_400g"
interface = "nic_400g"
circuit = "piezo"
tiers = 3
optical_share = 0.75
region = 64
"""


def system_text():
    return (CONFIGS / "systems" / "mixnet_sim.toml").read_text(encoding="utf-8").replace('fabric = "fat_tree"\n', "") + "\n" + TABLE


def table(name):
    return lambda: (CONFIGS / "technology" / f"{name}.toml").read_text(encoding="utf-8")


BASES = {
    "study": lambda: STUDY, "system": system_text, "named": (CONFIGS / "systems" / "mixnet_sim.toml").read_text,
    "fabrics": table("fabrics"), "switches": table("switches"), "circuit_switches": table("circuit_switches"),
}  # fmt: skip
RATE, FAST = "discrete.rate", "discrete.rate.400 Gb/s."
CHOICES = STUDY[STUDY.index('"cluster.fabric" = [') : STUDY.index('"mapping.ep"')]
VARIABLES = STUDY[STUDY.index("[discrete]") : STUDY.index("[search]")]
BANDWIDTH = '[continuous]\n"cluster.device.scale_up.bandwidth" = { low = "0.6 Tb/s", high = "7.2 Tb/s" }\n\n'
NEAR = '[discrete]\n"cluster.fabric" = ["tiered"]\n"cluster.fabric.near" = {}\n\n' + BANDWIDTH.replace("{", "{{").replace("}", "}}")
IN_PACKAGE = '[discrete.net.one]\n"cluster.fabric" = "fat_tree"\n[discrete.net.two]\n"cluster.fabric" = "torus"\n\n' + BANDWIDTH
CHOSEN = '"cluster.fabric" = "optical_circuits"\n"cluster.fabric.region" = 256\n'
SHARE = '"cluster.fabric.optical_share" = {'

IN_LIST, IN_BOUNDS, IN_REFERENCE = (f"{table}.{FABRIC}." for table in ("discrete", "continuous", "reference.0.set"))


def case_of(base):
    return lambda old, new, key, *fragments, at="": Case(base, old, new, key, fragments, at)


study, system, named, fabrics, switches, circuit_switches = map(case_of, BASES)
CASES = {
    # choices of a study
    "unknown fabric": study(
        LISTED, '["fat_tree", "optical_circuits", "fat_tre"]', f"discrete.{FABRIC}", "no row 'fat_tre' in fabrics", "'fat_tree'"
    ),
    "fabric twice": study(LISTED, '["fat_tree", "optical_circuits", "fat_tree"]', f"discrete.{FABRIC}", "listed twice"),
    "number of no listed fabric": study("region", "hosts", IN_LIST + "hosts", "no such quantity"),
    "misspelt number of a fabric": study("region", "regoin", IN_LIST + "regoin", "'cluster.fabric.region'"),
    "bounds of a number of no listed fabric": study(
        SHARE, SHARE.replace("optical", "group"), IN_BOUNDS + "group_share", "'cluster.fabric.optical_share'"
    ),
    "region of nought": study("[64, 128]", "[0, 128]", IN_LIST + "region", "0 is outside 1 to 100,000"),
    "region of half a device": study("[64, 128]", "[64.5, 128]", IN_LIST + "region", "whole number", "64.5"),
    "no circuits": study("low = 0.25", "low = 0", IN_BOUNDS + "optical_share.low", "0 is outside 0.01 to 0.99"),
    "circuits only": study("high = 0.75", "high = 1", IN_BOUNDS + "optical_share.high", "1 is outside 0.01 to 0.99"),
    "unknown fabric of a reference": study(
        CHOSEN, '"cluster.fabric" = "optical_circuit"\n', f"reference.0.set.{FABRIC}", "fabrics", "'optical_circuits'"
    ),
    "number that a reference lacks": study(
        '"cluster.fabric.region" = 256',
        '"cluster.fabric.oversubscription" = 2',
        IN_REFERENCE + "oversubscription",
        "the fabric chosen here has no such quantity",
    ),
    "number of no fabric in a reference": study(
        '"cluster.fabric.region" = 256', '"cluster.fabric.hosts" = 2', IN_REFERENCE + "hosts", "no such quantity"
    ),
    # packages
    "unknown row in a package": study(
        '"pluggable_400g"',
        '"pluggable_300g"',
        FAST + "cluster.device.scale_out.link",
        "no row 'pluggable_300g' in links",
        "did you mean 'pluggable_",
        "00g'",
    ),
    "unknown path in a package": study(
        LAST, LAST + '"cluster.fabric.swich" = "eps_400g"\n', FAST + "cluster.fabric.swich", "no such quantity", "cluster.fabric.switch"
    ),
    "another unit in a package": study('"400 Gb/s"\n', '"400 W"\n', FAST + "cluster.device.scale_out.bandwidth", "'W'", "'Tb/s'"),
    "different paths": study(LAST, "", RATE, "every choice must set the same paths", at='[discrete.rate."100 Gb/s"]'),
    "a path more": study(
        LAST,
        LAST + '"cluster.fabric.trunk" = "pluggable_400g"\n',
        RATE,
        "every choice must set the same paths",
        at='[discrete.rate."100 Gb/s"]',
    ),
    "path outside the cluster": study(LAST, LAST + '"mapping.tp" = 1\n', FAST + "mapping.tp", "expected a path into the cluster"),
    "package without choices": study(PACKAGE, "[discrete.rate]\n", RATE, "at least one choice"),
    "number for a choice": study(
        PACKAGE, "[discrete.rate]\nfast = 5\n\n", "discrete.rate.fast", "expected a table of path = value", at="fast = 5"
    ),
    "path of a package listed too": study(
        "[8, 32]\n", '[8, 32]\n"cluster.device.scale_out.bandwidth" = ["50 Gb/s"]\n', "discrete.cluster.device.scale_out.bandwidth", "rate"
    ),
    "path of a package with bounds": study(
        SHARE,
        '"cluster.device.scale_out.bandwidth" = { low = "50 Gb/s", high = "60 Gb/s" }\n' + SHARE,
        "continuous.cluster.device.scale_out.bandwidth",
        "rate",
    ),
    "inside a part of a package": study(
        "[8, 32]\n",
        '[8, 32]\n"cluster.fabric.switch.radix" = [32, 64]\n',
        IN_LIST + "switch.radix",
        "'cluster.fabric.switch'",
        "as a whole",
    ),
    "package named as a degree": study(PACKAGE, PACKAGE.replace("rate", "dp"), "discrete.dp", "column", at='[discrete.dp."100 Gb/s"]'),
    "package named as a metric": study(
        PACKAGE, PACKAGE.replace("rate", "step_time"), "discrete.step_time", "column", at='[discrete.step_time."100'
    ),
    # what no fabric has
    "part that a reference lacks": study(
        CHOSEN, '"cluster.fabric.circuit" = "piezo"\n', IN_REFERENCE + "circuit", "fabric chosen here has no such part"
    ),
    "part of no listed fabric": study(
        NUMBERS, '"cluster.fabric.panel" = ["patch_panel"]\n', IN_LIST + "panel", "no fabric of the study has such a part"
    ),
    "package of a part of no listed fabric": study(
        PACKAGE,
        PACKAGE + '[discrete.device.one]\n"cluster.fabric.panel" = "patch_panel"\n\n',
        "discrete.device.one.cluster.fabric.panel",
        "no fabric of the study has such a part",
        at='"cluster.fabric.panel"',
    ),
    "number of the system's own fabric alone": study(
        CHOICES,
        f'"cluster.fabric" = ["torus", "optical_circuits"]\n{NUMBERS}"cluster.fabric.oversubscription" = [1, 3]\n',
        IN_LIST + "oversubscription",
        "no such quantity",
        at="oversubscription",
    ),
    "fabrics in a package": study(VARIABLES, IN_PACKAGE, "discrete.net", "fabrics are listed by themselves", at="[discrete.net.one]"),
    "parts of several kinds": study(
        VARIABLES, NEAR.format('["rail_only", "torus"]'), IN_LIST + "near", "one kind", at="cluster.fabric.near"
    ),
    "a row that cannot stand there": study(
        VARIABLES,
        NEAR.format('["rail_only", "optical_circuits"]'),
        IN_LIST + "near",
        "no row 'optical_circuits' in fabrics",
        at="cluster.fabric.near",
    ),
    # systems
    "unknown kind": system(
        '"optical_circuits"', '"optical_circuit"', "fabric", "expected kind = one of", "'optical_circuits'", at="[fabric]"
    ),
    "no kind": system('kind = "optical_circuits"\n', "", "fabric", "expected kind = one of", "'fat_tree'", at="[fabric]"),
    "kind of a fabric in a pod": system(
        '"switched_pod"', '"optical_circuits"', "pod.network", "expected kind = one of", "'switched_pod'", at="[pod.network]"
    ),
    "missing part": system('circuit = "piezo"\n', "", "fabric.circuit", "missing", at="[fabric]"),
    "missing number": system("tiers = 3\n", "", "fabric.tiers", "missing", at="[fabric]"),
    "unknown part": system('"piezo"', '"pieso"', "fabric.circuit", "circuit_switches", "'piezo'"),
    "share of nought": system("optical_share = 0.75", "optical_share = 0", "fabric.optical_share", "0 is outside 0.01 to 0.99"),
    "share of one": system("optical_share = 0.75", "optical_share = 1", "fabric.optical_share", "1 is outside 0.01 to 0.99"),
    "no region": system("region = 64", "region = 0", "fabric.region", "0 is outside 1 to 100,000"),
    "radix of one": system(
        'switch = "eps_400g"', 'switch = { row = "eps_400g", radix = 1 }', "fabric.switch.radix", "1 is outside 2 to 100,000"
    ),
    "unknown name of a fabric": named('"fat_tree"', '"fat_tre"', "fabric", "no row 'fat_tre' in fabrics", "'fat_tree'"),
    "number over a row": named('"fat_tree"', '{ row = "optical_circuits", optical_share = 0 }', "fabric.optical_share", "0 is outside"),
    "unknown number over a row": named(
        '"fat_tree"', '{ row = "optical_circuits", optical_shar = 0.5 }', "fabric.optical_shar", "unknown key", "'optical_share'"
    ),
    # tables
    "row of an unknown kind": fabrics('kind = "torus"', 'kind = "toros"', "torus", "kind = one of", "'torus'", at="[torus]"),
    "row without a kind": fabrics('kind = "torus"\n', "", "torus", "kind = one of", at="[torus]"),
    "row without a number": fabrics("block_side = 4\n", "", "torus.block_side", "missing", at="[torus]"),
    "row of an unknown part": fabrics('circuit = "piezo"', 'circuit = "pieso"', "optical_circuits.circuit", "circuit_switches", "'piezo'"),
    "row of an unknown row": fabrics('near = "rail_only"', 'near = "rail_onli"', "tiered.near", "fabrics", "'rail_only'"),
    "row out of range": fabrics("hosts = 8", "hosts = 0", "dragonfly.hosts", "0 is outside 1 to"),
    "switch of one port": switches("radix = 512", "radix = 1", "pod_512.radix", "1 is outside 2 to 100,000"),
    "circuit switch of one port": circuit_switches("ports = 576\n", "ports = 1  # one\n", "piezo.ports", "1 is outside 2 to"),
}


def placed(case, folder):
    """The file with the mistake, and the file to load."""
    text = replaced(BASES[case.base](), {case.old: case.new})
    if case.base in ("study", "system", "named"):
        return (written(folder, text, f"{case.base}.toml"),) * 2
    shutil.copytree(CONFIGS, folder / "configs")
    return written(folder / "configs" / "technology", text, f"{case.base}.toml"), folder / "configs" / "systems" / "mixnet_sim.toml"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_mistake_is_one_message(case, tmp_path):
    broken, loaded = placed(case, tmp_path)
    with pytest.raises(ConfigError) as told:
        load(loaded)
    assert len(told.value.problems) == 1, str(told.value)
    (problem,) = told.value.problems
    new = [line for line in case.new.splitlines() if line not in case.old] or case.new.splitlines()
    assert Path(problem.file).name == broken.name
    assert problem.key.replace('"', "") == case.key
    assert problem.line == line_of(broken, case.at or new[0]), str(problem)
    for fragment in case.fragments:
        assert fragment in problem.message


@pytest.mark.parametrize("base", ["study", "system", "named"])
def test_the_files_without_a_mistake_are_in_order(base, tmp_path):
    assert load(written(tmp_path, BASES[base](), "file.toml"))


# settings


def test_the_fabric_can_be_set(tmp_path):
    study = load(written(tmp_path, STUDY), ("cluster.fabric=optical_circuits",))
    assert study.space.size == 8
    assert snake(type(study.design.cluster.fabric).__name__) == "optical_circuits"


@pytest.mark.parametrize("setting", ["cluster.fabric.region=64", "cluster.fabric.optical_share=0.5"])
def test_a_number_of_one_of_the_fabrics_can_be_set(tmp_path, setting):
    study = load(written(tmp_path, STUDY), (setting,))
    path, _, value = setting.partition("=")
    assert path not in {free.path for free in study.file.continuous}
    assert set(study.columns[path]) == {float(value)}


@pytest.mark.parametrize("setting", ["cluster.device.scale_out.bandwidth=200 Gb/s", "cluster.fabric.switch=eps_200g"])
def test_a_setting_of_what_a_package_sets_is_no_silent_mistake(tmp_path, setting):
    with pytest.raises(ConfigError, match="rate"):
        load(written(tmp_path, STUDY), (setting,))
