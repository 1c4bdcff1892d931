"""Are the cells of a study all its legal combinations, in order and whatever the block, kept once and found again?"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_run import invoke, small_run

from codesign import cells
from codesign.cells import cell_values, legal_columns
from codesign.certificate import columns_of
from codesign.config.problems import ConfigError
from codesign.search.space import cells_at
from codesign.study import cells_of

BLOCKS = (1009, 1 << 30)
"""Of combinations: an odd number, and all in one."""


@pytest.mark.parametrize("name", cases.STUDIES)
def test_blocks_of_combinations_give_the_same_cells(name, monkeypatch):
    study = cases.study(name)
    for block in BLOCKS:
        monkeypatch.setattr(cells, "BLOCK", block)
        found = legal_columns(study.file, study.design, study.workload)
        for path, column in found.items():
            np.testing.assert_array_equal(column, study.columns[path])
    listed = np.stack([study.columns[free.path] for free in study.file.discrete], axis=1)
    places = [[list(free.values).index(value) for value in column] for free, column in zip(study.file.discrete, listed.T, strict=True)]
    assert (np.diff(np.ravel_multi_index(places, [len(free.values) for free in study.file.discrete])) > 0).all()


@pytest.mark.parametrize("name", cases.STUDIES)
def test_a_leaf_of_a_cell_is_the_value_or_the_part_that_it_lists(name):
    study = cases.study(name)
    some = np.random.default_rng(0).integers(0, study.space.size, 50)
    with jax.enable_x64(True):
        kept = cell_values(study.file, study.columns, jnp.float64)
        leaves = jax.tree.leaves(cells_at(kept, some))
        options = {free.path: free.options for free in study.file.discrete if free.options}
        for path, inner in ((listed, inner) for listed in options if listed != cells.FABRIC for inner in options[listed][0]):
            found = jax.tree.leaves(cells_at(kept, some)[inner])
            parts = [jax.tree.leaves(options[path][int(place)][inner]) for place in study.columns[path][some]]
            np.testing.assert_array_equal(np.array(found).T, np.array(parts))
    for leaf, column in zip(leaves, columns_of(kept), strict=True):
        np.testing.assert_array_equal(column.at(some), leaf)
        assert column.only is None or (leaf == column.only).all()


@pytest.mark.parametrize("name", cases.STUDIES)
def test_choices_find_their_cell_and_what_is_none_finds_none(name):
    study = cases.study(name)
    some = np.random.default_rng(0).integers(0, study.space.size, 200)
    columns = {free.path: study.columns[free.path][some] for free in study.file.discrete}
    np.testing.assert_array_equal(cells_of(study, columns), some)
    path = study.file.discrete[0].path
    assert (cells_of(study, columns | {path: columns[path] + 0.5}) == -1).all()


@pytest.mark.parametrize("command", ["check", "optimize"])
@pytest.mark.parametrize(("name", "text"), [("MOST_COMBINATIONS", "can be looked through"), ("MOST_NUMBERS", "need over 4 GiB")])
def test_too_many_combinations_are_told_with_the_longest_lists(command, name, text, monkeypatch, tmp_path):
    study = small_run().study
    monkeypatch.setattr(cells, name, 1 if name == "MOST_COMBINATIONS" else 15)
    where = ["--out", tmp_path / "run"] if command == "optimize" else []
    result = invoke(command, study, *where)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in result.stderr
    assert "2 of tp x 2 of scale_up.link" in result.stderr
    assert not (tmp_path / "run").exists()


def test_what_bars_all_is_counted_over_all_blocks(monkeypatch):
    study = small_run().study
    monkeypatch.setattr(cells, "BLOCK", 3)
    result = invoke("check", study, "--set", "mapping.pp=7")
    assert result.exit_code == 3
    assert "is a whole number: bars 4 of 4" in result.stderr


def test_the_combinations_that_can_be_looked_through_are_counted_first(monkeypatch):
    study = cases.study("passage")
    monkeypatch.setattr(cells, "MOST_COMBINATIONS", 1000)
    monkeypatch.setattr(cells, "_legal_block", None)
    with pytest.raises(ConfigError, match="combinations"):
        legal_columns(study.file, study.design, study.workload)
