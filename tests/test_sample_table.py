"""Does the sample of a study say of random points what they are, and does drawing it leave room for the front?"""

import re

import numpy as np
import pytest
from cases import CONFIGS, load

from codesign.cells import DEMAND
from codesign.report.run import traffic_column
from codesign.report.sample import POINTS, sample_of
from codesign.report.svg import Series, scatter
from codesign.search.sample import FIXED, fixed_samples
from codesign.units import unit_factor

STUDIES = ("passage", "serve_deepseek_v3")
"""Parts and degrees are chosen; nothing is trained and less is better in no objective."""


class Every:
    """Metrics of which every one is there."""

    def __getattr__(self, name):
        return 1.0


class Toy:
    """An exact evaluation that judges by place: every third point is infeasible by its second limit, and every ninth undefined."""

    def __init__(self, study):
        self.aims, self.seen = len(study.file.objectives), None

    def __call__(self, x, cell):
        self.seen, place = (x, cell), np.arange(len(cell))
        objectives = np.log(2.0 + place + np.zeros((self.aims, 1)))
        objectives[:, ::9] = np.nan
        return Every(), objectives, np.stack([np.full(len(cell), -0.5), np.where(place % 3, -0.25, 0.125), np.full(len(cell), -0.75)])


@pytest.fixture(scope="module", params=STUDIES)
def drawn(request):
    study = load(CONFIGS / "studies" / f"{request.param}.toml")
    exact = Toy(study)
    return study, exact, *sample_of(study, exact)


def test_points_are_those_of_the_search(drawn):
    study, exact, columns, _ = drawn
    every = fixed_samples(study.space, lambda x, cell: (np.zeros((1, len(cell))), np.zeros((1, len(cell)))), 0, FIXED // POINTS)
    assert np.array_equal(exact.seen[0], every.x)
    assert np.array_equal(exact.seen[1], every.cell)
    assert {len(column) for column in columns.values()} == {POINTS}


def test_columns_are_choices_variables_objectives_and_the_worst_limit(drawn):
    study, _, columns, facts = drawn
    file = study.file
    chosen = [*(free.name for free in file.discrete), *(["dp"] if "mapping.dp" in study.columns else [])]
    traffic = [traffic_column(path) for path in DEMAND] if file.demand is not None else []
    names = [*chosen, *(free.name for free in file.continuous), *traffic, *file.objectives, "feasible", "worst_limit", "overrun"]
    assert list(columns) == names
    assert set(facts["units"]) == set(columns)
    assert facts | {"units": None, "drawn": None} == {
        "file": "sample.parquet", "points": POINTS, "feasible": sum(columns["feasible"]), "seed": 0, "units": None, "drawn": None,
    }  # fmt: skip


def test_values_are_in_the_box_and_choices_are_named(drawn):
    study, _, columns, _ = drawn
    for free in study.file.continuous:
        shown = np.array(columns[free.name]) * unit_factor(free.unit)[0]
        assert free.low <= shown.min() < shown.max() <= free.high
    for free in study.file.discrete:
        assert set(columns[free.name]) <= set(free.names) if free.names else len(set(columns[free.name])) <= len(free.values)


def test_feasible_worst_limit_and_overrun_agree(drawn):
    study, exact, columns, _ = drawn
    _, objectives, broken = exact(np.zeros((study.space.dimension, POINTS)), np.zeros(POINTS, int))
    assert columns["overrun"] == broken.max(axis=0).tolist()
    assert columns["feasible"] == [bool(place % 3) for place in range(POINTS)]
    assert len(set(columns["worst_limit"])) == 1
    assert all(np.isnan(columns[name][::9]).all() for name in study.file.objectives)
    assert np.isnan(objectives[:, ::9]).all()


@pytest.mark.parametrize(("far", "kept"), [(1.05, 2), (1e6, 1)])
def test_far_points_of_a_cloud_do_not_press_the_front_together(far, kept):
    """Designs span the numbers from 1 to 4; a cloud may lengthen each axis by half, and what is beyond is not drawn."""
    designs = [Series("designs", (1.0, 2.0, 4.0), (4.0, 2.0, 1.0), ("a", "b", "c"), "#000")]
    cloud = [(2.5, 2.5), (4.0 * far, 4.0 * far)]
    picture = scatter(designs, [], ("x", "y"), cloud=cloud)
    path = re.search(r'<path d="([^"]*)" class="random"/>', picture)[1]
    assert path.count("h0") == kept
    places = [float(x) for x in re.findall(r'<circle cx="([0-9.]+)"', picture)]
    assert max(places) - min(places) > 0.4 * (560 - 74 - 14)
