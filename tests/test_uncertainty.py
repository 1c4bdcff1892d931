"""Are bands, chances and shares those of models whose answers are known, and is a run's mistake told?"""

import json
import math
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import plotly.graph_objects
import pyarrow
import pyarrow.parquet
import pytest
from cases import CONFIGS
from small_run import SMALL, strict_json, written

from codesign import tree
from codesign.commands import uncertainty as command
from codesign.config import ConfigError, load_study
from codesign.constraints import CONSTRAINTS
from codesign.design import leaves
from codesign.fields import of_work
from codesign.metrics import SERVING, Metrics
from codesign.report import run as runs
from codesign.report.folder import read_run
from codesign.report.rebuild import design_of
from codesign.report.run import Run, identifier
from codesign.report.uncertainty import percent, read_uncertainty, uncertainty_figures, uncertainty_section
from codesign.uncertainty.chances import feasible, undominated
from codesign.uncertainty.data import as_data, summary
from codesign.uncertainty.draws import Constant, drawn, latin_hypercube, value_at
from codesign.uncertainty.front import uncertainty_of
from codesign.uncertainty.outcomes import CHUNK, Group, make_program, outcomes
from codesign.uncertainty.run import Problem, problem_of
from codesign.uncertainty.shares import correlated, first_order, known

AIMS = ("time_to_train", "capital_cost")
DRAWS = 256


def constant(low, default, high, name="x", source="somebody", unit="1"):
    return Constant(name, unit, low, default, high, source, (f"part.{name}",))


CONSTANTS = [
    constant(1.0, 2.0, 8.0), constant(0.5, 0.5, 1.0), constant(0.2, 0.9, 0.9), constant(0.0, 0.3, 0.5),
    constant(0.0, 0.0, 4.0), constant(-150.0, -145.0, -130.0), constant(1e-15, 3e-15, 4e-15),
]  # fmt: skip


@pytest.mark.parametrize("one", CONSTANTS)
def test_a_constant_is_drawn_between_its_bounds_around_its_default(one):
    values = value_at(one, (np.arange(200_000) + 0.5) / 200_000)
    assert one.low <= values.min() * (1 + 1e-9 * np.sign(values.min()))
    assert values.max() <= one.high + 1e-9 * abs(one.high)
    assert np.median(values) == pytest.approx(one.default, rel=1e-4, abs=1e-4)
    z = np.log(values) if one.in_logs else values
    assert z.std() == pytest.approx(one.spread, rel=1e-3)


@pytest.mark.parametrize(("dimensions", "draws"), [(1, 2), (3, 2), (7, 64), (100, 256), (300, 256)])
def test_every_slice_is_met_once_and_a_seed_repeats(dimensions, draws):
    found = latin_hypercube(dimensions, draws, seed=3)
    assert found.shape == (dimensions, draws)
    assert np.all(np.sort(np.floor(found * draws), axis=1) == np.arange(draws))
    assert np.array_equal(found, latin_hypercube(dimensions, draws, seed=3))
    assert not np.array_equal(found, latin_hypercube(dimensions, draws, seed=4))


def test_constants_are_nearly_uncorrelated():
    apart = np.corrcoef(latin_hypercube(60, DRAWS, seed=0)) - np.eye(60)
    assert np.abs(apart).max() < 0.1
    assert np.sqrt((apart**2).mean()) < 0.02


def powers(template, lanes):
    """Log objectives linear in the logarithms of a and b; the limit is on c."""
    a, b, c = (lanes[name] for name in "abc")
    return (2 * jnp.log(a) + template * jnp.log(b), jnp.log(b) * jnp.ones_like(a)), (c - 1.0, a * 0 - 1)


THREE = [constant(0.5, 1.0, 2.0, "a"), constant(1.0, 2.0, 8.0, "b"), constant(0.0, 1.0, 2.0, "c")]


def powers_group(designs=3):
    return Group(
        jnp.asarray(1.0),
        np.arange(designs),
        {name: np.full(designs, one.default) for name, one in zip("abc", THREE, strict=True)},
        {name: np.full(designs, number) for number, name in enumerate("abc")},
    )


def test_shares_are_those_of_a_linear_model():
    group, table = powers_group(), drawn(THREE, DRAWS, seed=1)
    program = make_program(powers)
    found = outcomes(program, group, table).objectives
    shares, explained = first_order(powers, group, THREE, table, found)
    parts = np.array([(2 * THREE[0].spread) ** 2, THREE[1].spread ** 2, 0.0])
    assert shares[0] == pytest.approx(np.tile(parts / parts.sum(), (3, 1)), abs=0.02)
    assert shares[1] == pytest.approx(np.tile([0.0, 1.0, 0.0], (3, 1)), abs=0.02)
    assert explained == pytest.approx(np.ones((2, 3)), abs=1e-9)
    assert known(program, group, THREE, table, found, [1, 0]) == pytest.approx(shares[:, :, [1, 0]], abs=0.03)
    assert correlated(found[0], table)[:, 2] == pytest.approx(0.0, abs=0.02)


def test_a_constant_moves_everywhere_it_stands_and_only_there():
    group, table = powers_group(2), drawn(THREE, DRAWS, seed=1)
    group.which["b"][:] = [0, -1]
    group.own["b"][:] = [1.0, 5.0]
    found = outcomes(make_program(powers), group, table).objectives
    assert found[0, 0] == pytest.approx(3 * np.log(table[0]))
    assert found[0, 1] == pytest.approx(2 * np.log(table[0]) + math.log(5.0))
    shares, explained = first_order(powers, group, THREE, table, found)
    assert shares[0, :, 0] == pytest.approx(1.0, rel=0.02)
    assert explained[0] == pytest.approx(1.0)


def test_chunks_do_not_show():
    draws, group = CHUNK // 2 + 7, powers_group(5)
    group.own["b"][:] = [1.0, 2.0, 3.0, 4.0, 5.0]
    group.which["b"][:] = -1
    table = drawn(THREE, draws, seed=2)
    found = outcomes(make_program(powers), group, table)
    assert found.objectives[0] == pytest.approx(2 * np.log(table[0]) + np.log(group.own["b"])[:, None])
    assert found.violation == pytest.approx(np.tile(np.maximum(table[2] - 1, -1), (5, 1)))
    assert np.array_equal(found.limit, np.where(table[2] - 1 >= -1, 0, 1) + np.zeros((5, 1)))


def own_way(template, lanes):
    """Designs of type 0 do not vary, those of type 1 vary in the first objective alone, of type 2 in the limit alone."""
    kind, z = lanes["kind"], jnp.log(lanes["x"])
    return (jnp.where(kind == 1, z, 0.0), jnp.zeros_like(z)), (jnp.where(kind == 2, z, -1.0),)


def toy(*kinds, constants=None):
    """A run of such designs, and its problem."""
    own = {"kind": np.array(kinds, dtype=float), "x": np.ones(len(kinds))}
    which = {"kind": np.full(len(kinds), -1), "x": np.zeros(len(kinds), dtype=int)}
    groups = [
        Group(jnp.zeros(()), np.array(rows), *({k: v[rows] for k, v in part.items()} for part in (own, which)))
        for rows in halves(len(kinds))
    ]
    columns = {"id": [identifier(i) for i in range(len(kinds))]} | {name: [1.0] * len(kinds) for name in AIMS}
    aims = [{"name": name, "sense": 1, "label": f"<{name}>", "unit": unit} for name, unit in zip(AIMS, ("s", "M$"), strict=True)]
    manifest = {
        "objectives": aims, "units": {"time_to_train": "s", "capital_cost": "M$"}, "best": dict.fromkeys(AIMS, "d0001"),
        "created": "now", "study_hash": "0", "title": "toy",
    }  # fmt: skip
    constants = constants or [constant(0.25, 1.0, 4.0, "<x>", "<b>source</b>")]
    return Run(manifest, columns), Problem(groups, constants, 4, own_way, ["memory"])


def halves(count):
    """Places of designs in two structures, out of order."""
    return [rows for rows in (list(range(count))[1::2], list(range(count))[::2]) if rows]


CHANCES = [
    ((0, 0), [1.0, 1.0], [1.0, 1.0]),  # equal designs do not dominate each other
    ((0, 1), [1.0, 1.0], [0.5, 0.5]),  # better in half of the draws, worse in the others
    ((1, 1, 1), [1.0] * 3, [1.0] * 3),  # the same draw for all
    ((0, 2), [1.0, 0.5], [1.0, 0.5]),
    ((2, 1), [0.5, 1.0], [0.0, 1.0]),  # feasible where the other one is better; who is not feasible dominates nobody
    ((2,), [0.5], [0.5]),
]


@pytest.mark.parametrize(("kinds", "keeps", "stays"), CHANCES)
def test_chances_are_known(kinds, keeps, stays):
    found = uncertainty_of(*toy(*kinds), draws=DRAWS, seed=0)
    assert found.feasible.tolist() == keeps
    assert found.stays.tolist() == stays


def test_what_is_not_a_number_is_not_feasible():
    objectives = np.array([[[0.0, np.nan]], [[0.0, 0.0]]])
    assert feasible(objectives, np.array([[0.0, -1.0]])).tolist() == [[True, False]]
    assert feasible(objectives[:, :, :1], np.array([[np.nan]])).tolist() == [[False]]
    assert undominated(objectives, np.array([[False, False]])).tolist() == [[False, False]]


def test_seeds_repeat_and_bands_are_those_of_the_draws():
    run, problem = toy(1, 0)
    first, again, other = (as_data(uncertainty_of(run, problem, 64, seed), run) for seed in (5, 5, 6))
    assert first == again != other
    low, middle, high = first["designs"][0]["bands"]["time_to_train"]
    assert [low, middle, high] == pytest.approx([4**-0.9, 1.0, 4**0.9], rel=0.05)
    assert first["designs"][1]["bands"]["capital_cost"] == pytest.approx([1e-6] * 3)
    assert (first["varied"], first["unvaried"], first["draws"]) == (1, 4, 64)


def test_plain_data_is_json_and_the_page_takes_any_text():
    run, problem = toy(1, 0, 2)
    data = as_data(uncertainty_of(run, problem, 32, 0), run)
    assert strict_json(json.dumps(data)) == data
    assert summary(data)["measure_next"]["time_to_train"] == ["part.<x>"]
    section = uncertainty_section(run, data)
    assert "<b>source" not in section
    assert "<time_to_train>" not in section
    for name, figure in uncertainty_figures(run, data).items():
        plotly.graph_objects.Figure(figure)
        assert f"id='{name}'" in section
    assert percent(-0.01) == "-1 %"


def test_a_draw_that_gives_no_number_is_null():
    run, problem = toy(0, 1)

    def half(template, lanes):
        objectives, violations = own_way(template, lanes)
        return (jnp.where((lanes["kind"] == 1) & (lanes["x"] > 1), jnp.nan, objectives[0]), objectives[1]), violations

    problem = problem._replace(model=half)
    data = as_data(uncertainty_of(run, problem, 32, 0), run)
    assert data["designs"][1]["bands"]["time_to_train"] == [None] * 3
    assert data["designs"][1]["feasible"] == 0.5
    json.dumps(data, allow_nan=False)
    assert "-" in uncertainty_section(run, data)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The study file of the small study, read, and a run of three of its designs that nobody searched for."""
    point, file, _ = load_study(written(tmp_path_factory.mktemp("study"), SMALL))
    study = SimpleNamespace(file=file, design=point.design, workload=point.workload)
    columns = {
        "id": ["d0001", "d0002", "d0003"], "tp": [8.0, 16.0, 8.0], "scale_up.link": ["copper", "passage_interposer", "copper"],
        "dp": [512.0, 256.0, 512.0], "scale_up.bandwidth": [1.6, 14.4, 3.2], "pod.size": [64.0, 512.0, 64.0],
        **{name: [1.0, 2.0, 3.0] for name in ("time_to_train", "energy_to_train", "capital_cost")},
        **{f"slack.{name}": [0.0] * 3 for name, row in CONSTRAINTS.items() if row.demand not in of_work(Metrics, SERVING)},
    }  # fmt: skip
    names = {free.path: free.name for free in (*file.discrete, *file.continuous)}
    assert set(names.values()) <= set(columns)
    aims = [{"name": name, "sense": 1, "label": name, "unit": "s"} for name in file.objectives]
    manifest = {
        "title": "small", "status": "complete", "labels": point.labels, "designs": 3, "created": "now", "study_hash": "0",
        "units": dict.fromkeys(columns, "s"), "objectives": aims, "best": dict.fromkeys(file.objectives, "d0002"),
        "study": runs.resolved_study(study),
        "provenance": {path: number._asdict() for path, number in point.provenance.items()},
        "option_provenance": option_provenance(file),
    }  # fmt: skip
    return file, Run(json.loads(json.dumps(manifest)), columns)


def option_provenance(file):
    free = [free for free in file.discrete if free.options]
    parts = {f.path: dict(zip(f.names, f.provenance, strict=True)) for f in free}
    return {path: {name: {p: n._asdict() for p, n in rows.items()} for name, rows in part.items()} for path, part in parts.items()}


def test_constants_are_shared_by_the_designs_that_use_a_row(small):
    _, run = small
    problem = problem_of(run)
    assert [group.rows.tolist() for group in problem.groups] == [[0, 2, 1]]
    (group,) = problem.groups
    link = "cluster.device.scale_up.link."
    which = {path.removeprefix(link): column.tolist() for path, column in group.which.items() if path.startswith(link)}
    reach = which["reach"]  # copper's has a range, the interposer's has none
    assert reach[0] == reach[1] >= 0 > reach[2]
    assert problem.constants[reach[0]].paths == (link + "reach",)
    assert group.own[link + "reach"][2] != group.own[link + "reach"][0]
    free = {"cluster.device.scale_up.bandwidth", "cluster.pod.size", "mapping.tp"}
    assert not free & {path for one in problem.constants for path in one.paths}
    for path, column in group.which.items():
        there = column >= 0
        assert group.own[path][there] == pytest.approx([problem.constants[k].default for k in column[there]], rel=1e-9)


def test_the_model_has_a_name_for_every_limit(small):
    _, run = small
    problem = problem_of(run)
    (group,) = problem.groups
    lanes = {path: jnp.zeros(2) for path in group.own}
    objectives, violations = jax.eval_shape(problem.model, group.template, lanes)
    assert len(objectives) == 3
    assert len(violations) == len(problem.limits)
    assert {o.shape for o in objectives} == {(2,)}


@pytest.mark.parametrize("name", ["small", "deepseek_v3_pod"])
def test_every_option_says_where_its_numbers_come_from(name, small):
    file = small[0] if name == "small" else load_study(CONFIGS / "studies" / f"{name}.toml")[1]
    for free in (free for free in file.discrete if free.options):
        for option, provenance in zip(free.options, free.provenance, strict=True):
            numbers = {p: float(v) for path, part in option.items() for p, _, v in tree.leaves(part, path + ".")}
            assert {path: number.value for path, number in provenance.items()} == pytest.approx(numbers)
        assert any(number.low is not None for provenance in free.provenance for number in provenance.values())


def kept(folder, run):
    """The two files that a run is read from."""
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(run.manifest))
    table = {name: pyarrow.array(values, type=None if values else pyarrow.float64()) for name, values in run.columns.items()}
    pyarrow.parquet.write_table(pyarrow.table(table), folder / "front.parquet")
    return folder


def test_a_run_folder_gets_its_uncertainty_and_keeps_the_rest(small, tmp_path, monkeypatch, capsys):
    _, run = small
    folder = kept(tmp_path / "run", run)
    made = []

    def make_model(objectives, limits):
        size = len(objectives)
        return lambda template, lanes: ((jnp.log(lanes["cluster.device.scale_up.bandwidth"]),) * size, (jnp.zeros(()),))

    monkeypatch.setattr("codesign.uncertainty.run.make_model", make_model)
    monkeypatch.setattr(command, "rewrite_page", made.append)
    command.run_uncertainty(folder, 16, 1, as_json=True)
    told = strict_json(capsys.readouterr().out)
    command.run_uncertainty(folder, 16, 1, as_json=False)
    assert "What to measure next" in capsys.readouterr().out
    after = read_run(folder)
    assert after.columns == run.columns
    assert {k: v for k, v in after.manifest.items() if k != "uncertainty"} == run.manifest
    assert after.manifest["uncertainty"]["draws"] == 16
    data = read_uncertainty(folder, after)
    assert data == {k: v for k, v in told.items() if k not in ("file", "seconds")}
    assert made == [folder, folder]
    assert sorted(p.name for p in folder.iterdir()) == ["front.parquet", "manifest.json", "uncertainty.json"]
    assert read_uncertainty(folder, Run(run.manifest | {"created": "later"}, run.columns)) is None
    (folder / "uncertainty.json").write_text("[")
    assert read_uncertainty(folder, after) is None


def without_ranges(run):
    manifest = json.loads(json.dumps(run.manifest)) | {"option_provenance": {}}
    for number in manifest["provenance"].values():
        number |= {"low": None, "high": None}
    return Run(manifest, run.columns)


BAD = [
    (lambda run: None, 8, ["not a run folder"]),
    (lambda run: Run(run.manifest, {name: [] for name in run.columns}), 8, ["the run has no designs"]),
    (lambda run: Run(run.manifest, {name: [] for name in run.columns}), 1, ["at least 2 draws", "the run has no designs"]),
    (lambda run: run, 1, ["at least 2 draws"]),
    (lambda run: run, 20_000, ["at most 16,384 draws"]),
    (without_ranges, 8, ["nothing to vary"]),
    (lambda run: Run({k: v for k, v in run.manifest.items() if k != "provenance"}, run.columns), 8, ["lacks provenance"]),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_what_cannot_be_drawn_is_told_and_nothing_is_written(number, small, tmp_path):
    change, draws, words = BAD[number]
    run, folder = change(small[1]), tmp_path / "run"
    if run is not None:
        kept(folder, run)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError) as caught:
        command.run_uncertainty(folder, draws, 0, as_json=False)
    said = [problem.message for problem in caught.value.problems]
    assert len(said) == len(words)
    assert all(word in text for word, text in zip(words, said, strict=True))
    assert sorted(tmp_path.rglob("*")) == before


def test_ranges_are_of_the_value_that_stands_there(small):
    """A number that the study set, or that is a count, does not vary with the range of another."""
    _, run = small
    everywhere = {path for one in problem_of(run).constants for path in one.paths}
    path = next(p for p in sorted(everywhere) if p in run.manifest["study"]["base"])
    manifest = json.loads(json.dumps(run.manifest))
    manifest["study"]["base"][path] *= 1.5
    assert path not in {p for one in problem_of(Run(manifest, run.columns)).constants for p in one.paths}
    point = {p: declared for p, declared, _ in leaves(*design_of(run, 1))}
    assert not [p for p in everywhere if point.get(p) is not None and point[p].whole]
