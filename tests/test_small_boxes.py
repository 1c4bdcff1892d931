"""Do bounds and slopes of small boxes stay close to the design in the middle, in every study?

A proof is sound however wide its bounds are; what makes them infinite by mistake makes it useless.
"""

import cases
import numpy as np
import pytest

from codesign.certificate import problem_of
from codesign.search.bound import Bounder

BOXES, WIDTH = 1000, 0.01
STEEPEST = 60.0
"""Of log objectives to the logarithm of a variable: yields of many bonds in a row, the nearest real slopes to it, have 30."""
FEW = 0.03
"""Share of boxes at a jump of the model, or at the root of a difference."""


@pytest.mark.parametrize("name", cases.STUDIES)
def test_small_boxes_have_close_bounds_and_finite_slopes(name):
    study, generator = cases.study(name), np.random.default_rng(0)
    problem = problem_of(study, 0.1)
    listed = set(problem["lattice"].tables)
    bounder = Bounder(problem["program"], problem["dimension"], problem["objectives"], problem["leaves"], listed)
    cell = generator.integers(0, study.space.size, BOXES)
    low, high = np.log(study.space.low)[:, None], np.log(study.space.high)[:, None]
    start = study.space.snap(np.exp(generator.uniform(low, high, (len(low), BOXES))), cell)
    grown = np.array([[0.0 if variable in listed else WIDTH] for variable in range(len(low))])
    end = np.minimum(start * (1 + grown), np.maximum(start, study.space.high[:, None]))
    cells = bounder.cell_values(cell)
    on = bounder.slopes(cells, start, end)
    infeasible, least = bounder.at_once(cells, start, end)
    _, most = bounder.at_once(cells, start, start)
    open_ = ~on.infeasible & ~infeasible
    assert open_.sum() > 10
    steep = ~(np.abs(on.slopes[..., open_]).max(axis=(0, 1, 2)) < STEEPEST)
    wide = ~((most - least)[:, open_].max(axis=0) < STEEPEST * WIDTH)
    assert steep.mean() <= FEW
    assert wide.mean() <= FEW
