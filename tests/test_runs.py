"""Are measured runs read as the schema says, and is everything wrong in a table told with file and row?"""

import pytest
from cases import CONFIGS

from codesign.config.notes import OVERLAPS, recomputed_modules, schedule_changes
from codesign.config.problems import ConfigError
from codesign.config.runs import KERNELS, OTHERS, PEERS, TRAINING, read_tables, shipped_tables

GOOD = {
    "name": "a", "source": "s", "model": "llama3_8b", "system": "dgx_h100", "precision": "bf16", "n_gpus": "8", "tp": "2", "cp": "1",
    "pp": "1", "vpp": "1", "dp": "4", "ep": "1", "etp": "1", "micro_batch": "1", "global_batch": "128", "seq_len": "8192",
    "recompute": "none", "sequence_parallel": "1", "zero_stage": "1", "metric": "step_time", "value": "1.5", "unit": "s", "note": "",
}  # fmt: skip
BAD = [  # what is changed, the column told, a word of the message
    ({"model": "llama3_8bb"}, "model", "did you mean 'llama3_8b'?"),
    ({"system": "dgx_h10"}, "system", "did you mean 'dgx_h100'?"),
    ({"precision": "bf17"}, "precision", "unknown precision"),
    ({"n_gpus": "16"}, "n_gpus", "contradicts n_gpus = 16"),
    ({"global_batch": "130"}, "global_batch", "no multiple of dp x micro_batch = 4"),
    ({"ep": "3"}, "ep", "does not divide"),
    ({"tp": "two"}, "tp", "expected a number, got 'two'"),
    ({"tp": "0"}, "tp", "from 1 on"),
    ({"tp": "1.5"}, "tp", "whole number"),
    ({"seq_len": ""}, "seq_len", "empty"),
    ({"value": "-1"}, "value", "from"),
    ({"value": "nan"}, "value", "expected a number"),
    ({"unit": "ms"}, "unit", "expected 's' for step_time, got 'ms'"),
    ({"metric": "step_tim"}, "metric", "did you mean 'step_time'?"),
    ({"recompute": "some"}, "recompute", "unknown recomputation"),
    ({"zero_stage": "4"}, "zero_stage", "expected 0 to 3"),
]


def table(folder, rows, name="runs", columns=TRAINING):
    lines = [",".join(columns), *(",".join(row.get(c, "") for c in columns) for row in rows)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def problems(paths):
    with pytest.raises(ConfigError) as caught:
        read_tables(paths)
    return caught.value.problems


@pytest.mark.parametrize(("change", "column", "said"), BAD)
def test_every_mistake_of_a_row_is_told(tmp_path, change, column, said):
    found = problems([table(tmp_path, [GOOD, GOOD | {"name": "b"} | change])])
    assert [p.line for p in found] == [3] * len(found)
    assert any(p.key == f"b.{column}" and said in p.message for p in found), found


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path):
    first = table(tmp_path, [GOOD | {"model": "x", "tp": "y"}], "first")
    second = table(tmp_path, [GOOD | {"unit": "h"}], "second")
    found = problems([first, second, tmp_path / "third.csv"])
    assert {p.file.rsplit("/", 1)[-1] for p in found} == {"first.csv", "second.csv", "third.csv"}
    assert len([p for p in found if "first" in p.file]) == 2


def test_names_are_unique_over_all_files(tmp_path):
    found = problems([table(tmp_path, [GOOD], "first"), table(tmp_path, [GOOD], "second")])
    assert [p.key for p in found] == ["a.name"]
    assert "first.csv:2" in found[0].message


@pytest.mark.parametrize("column", ["tp", "value", "unit"])
def test_a_missing_column_is_named(tmp_path, column):
    found = problems([table(tmp_path, [GOOD], columns=[c for c in TRAINING if c != column])])
    assert any(p.key == column and "missing" in p.message for p in found)


@pytest.mark.parametrize("text", ["", 'name,source\n"open', "name,tp\na,1,2\n"])
def test_a_file_that_is_no_table_is_told(tmp_path, text):
    path = tmp_path / "odd.csv"
    path.write_text(text, encoding="utf-8")
    assert problems([path])


def test_empty_cells_are_open_choices(tmp_path):
    row = GOOD | {"micro_batch": "", "vpp": "", "recompute": "", "precision": "", "zero_stage": "", "sequence_parallel": ""}
    (found,) = read_tables([table(tmp_path, [row])])[0].runs
    assert found.counts["micro_batch"] is found.counts["vpp"] is None
    assert (found.precision, found.recompute, found.zero_stage, found.sequence_parallel) == ("bf16", "", 0.0, True)


@pytest.mark.parametrize(("column", "reason"), OTHERS.items())
def test_tables_that_are_not_predicted_are_kept_with_the_reason(tmp_path, column, reason):
    path = tmp_path / "other.csv"
    path.write_text(f"name,{column},value\na,1,2\nb,3,4\n", encoding="utf-8")
    (found,) = read_tables([path])
    assert found.left_out == (("a", reason), ("b", reason))


def test_kernels_and_peers_are_told_by_their_columns(tmp_path):
    numbers = dict(zip(KERNELS, ("16", "2048", "768", "128", "8", "1e-4", "x"), strict=True))
    (kernel,) = read_tables([table(tmp_path, [numbers], "k", KERNELS)])[0].kernels
    assert (kernel.tokens, kernel.top_k, kernel.value, kernel.system) == (16, 8, 1e-4, "dgx_h100")
    peer = dict(zip(PEERS, ("runs step_time", "other", "3", "4.5", "", "9", "", "x"), strict=True))
    (found,) = read_tables([table(tmp_path, [peer], "p", PEERS)])[0].peers
    assert (found.peer, found.mape) == ("other", 4.5)
    assert problems([table(tmp_path, [numbers | {"tokens": "many"}], "bad", KERNELS)])


def test_shipped_tables_are_sound_and_cited():
    tables = read_tables(shipped_tables())
    assert sum(len(t.runs) for t in tables) == 22
    assert all(run.source.startswith("arXiv") for t in tables for run in t.runs)
    assert {p.parent for p in shipped_tables()} == {CONFIGS / "validation"}


NOTES = [
    ("NeMo container 25.11", {}),
    ("NeMo container 26.04.01; dropless", {"expert_overlap": 1.0}),
    ("no overlap of tensor, pipeline or data parallel traffic", dict.fromkeys(OVERLAPS, 0.0)),
    ("gradient all-reduce not overlapped, no bucketing", {"gradient_overlap": 0.0}),
    ("context parallel by all-to-all", {"context_all_to_all": 1.0}),
    ("recomputed: mla_up_proj, mlp; more", {"recompute_up": 1.0, "recompute_dense": 1.0}),
    ("activations of 40 layers offloaded to host memory", {"offload": 0.5}),
    ("5 layers per stage recomputed in full, the others not at all", {"recompute_layer": 0.25}),
]  # fmt: skip


@pytest.mark.parametrize(("note", "expected"), NOTES)
def test_notes_fix_what_they_say(note, expected):
    assert schedule_changes(note, 80, 4) == expected
    assert recomputed_modules("nothing of that kind") == []
