"""Does the experiment on growth measure the studies it says, and does its law find what was planted?"""

import sys

import numpy as np
import pytest
from cases import ROOT

import codesign as cd

sys.path.insert(0, str(ROOT / "experiments"))
from scaling_model import Law, Sizes, fitted, parts
from scaling_studies import CORES, LINKS, NEUTRAL, VARIABLES, repeats, written


@pytest.mark.parametrize(("cells", "variables"), [(100, 4), (1000, 24), (10_000, 13), (30_000, 8)])
def test_a_study_has_the_cells_and_variables_asked_for(tmp_path, cells, variables):
    study = cd.load(written(tmp_path, cells, variables))
    core, lengths = repeats(cells)
    assert study.space.dimension == variables
    assert study.space.size == CORES[core][0] * np.prod(lengths)
    assert cells / 2 < study.space.size < 2 * cells


@pytest.mark.parametrize("cells", [48, 100, 700, 1000, 5000, 30_000, 10**5, 10**6, 5 * 10**6])
def test_the_number_of_cells_is_near_what_is_asked_for(cells):
    core, lengths = repeats(cells)
    assert cells / 2 < CORES[core][0] * np.prod(lengths) < 2 * cells
    assert all(1 <= length <= most for length, most in zip(lengths, (len(LINKS), *map(len, NEUTRAL.values())), strict=False))


def test_there_are_as_many_variables_as_the_experiment_asks_for():
    assert len(VARIABLES) == 24


PLANTED = [(2.0, 0.003, 0.8), (0.0, 5e-5, 1.0), (10.0, 1e-4, 0.9), (0.5, 0.2, 0.25)]


@pytest.mark.parametrize(("a", "b", "p"), PLANTED)
@pytest.mark.parametrize("noise", [0.0, 0.02])
def test_a_law_is_found_again(a, b, p, noise):
    draws = np.random.default_rng(0)
    measured = [(c, w, (a + b * c**p / w) * np.exp(noise * draws.standard_normal())) for c in (1e2, 1e3, 1e4, 1e5, 1e6) for w in (1, 2)]
    law = fitted(measured)
    assert law.error < 0.01 + 3 * noise
    assert law.p == pytest.approx(p, abs=0.01 if not noise else 0.1)
    for cells in (1e2, 1e6):
        assert law.at(cells, 1) == pytest.approx(a + b * cells**p, rel=0.01 + 3 * noise)


@pytest.mark.parametrize("measured", [[], [(100, 1, 1.0)], [(100, 1, 1.0), (1000, 1, 2.0), (1000, 2, 1.5), (100, 1, 1.1)]])
def test_there_is_no_law_of_too_few_points(measured):
    assert fitted(measured) is None


def test_parts_are_shared_where_workers_share():
    sizes = Sizes(400.0, 1e6, 20.0, 1e-3, 1e6, 1e4, 3.0)
    laws = {"reading": Law(1.0, 3e-5, 1.0, 0.1, 5, 1e6), "proof": Law(2.0, 1e-3, 1.0, 0.1, 5, 1e5)}
    one, many = (parts(laws, sizes, 1e6, workers) for workers in (1, 100))
    assert one["reading"] == many["reading"]
    assert one["proof"] - 2 == pytest.approx(100 * (many["proof"] - 2))
    assert many["exchange of shards"] == pytest.approx(100 * one["exchange of shards"])
