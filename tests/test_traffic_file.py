"""Does the door read a measured traffic matrix, and does it say everything that is wrong with one?"""

import numpy as np
import pytest
from conftest import CONFIGS

from codesign.config import ConfigError
from codesign.config.traffic_file import check_ranks, legal_ranks, read_traffic

MEASURED = CONFIGS / "traffic" / "mixnet_8x8.csv"

GOOD = {
    "commas": "1,2\n3,4\n",
    "blanks": "# a note\n 1 2 \n\n3\t4 # the second\n",
    "both": "1, 2\n3 ,4",
    "semicolons": "1;2\n3;4",
    "mark": "\ufeff1,2\n3,4\n",
    "carriage returns": "1,2\r\n3,4\r\n",
    "exponents": "1e0,.2e1\n3.0,4\n",
}

BAD = {
    "negative": ("1,-2\n3,4\n", [(1, "column 2", "from 0 on, got '-2'")]),
    "several": ("1,nan\ninf,x\n", [(1, "column 2", "finite"), (2, "column 1", "finite"), (2, "column 2", "expected a number, got 'x'")]),
    "not square": ("1,2,3\n4,5,6\n", [(0, "", "2 rows of 3 columns")]),
    "one row": ("1,2\n", [(0, "", "1 rows of 2 columns")]),
    "not square and negative": ("1,2,-3\n4,5,6\n", [(0, "", "2 rows of 3 columns"), (1, "column 3", "from 0 on")]),
    "ragged": ("# note\n1,2\n3\n4,5,6\n", [(3, "", "1 cells; the first row has 2"), (4, "", "3 cells; the first row has 2")]),
    "hole": ("1,,2\n3,4,5\n6,7,8\n", [(1, "column 2", "this cell is empty")]),
    "header": ("a,b\n1,2\n3,4\n", [(0, "", "3 rows of 2 columns"), (1, "column 1", "got 'a'"), (1, "column 2", "got 'b'")]),
    "too large": ("1,1e999\n3,4\n", [(1, "column 2", "finite")]),
    "empty": ("", [(0, "", "empty")]),
    "comments": ("# nothing\n\n", [(0, "", "empty")]),
    "zeros": ("0,0\n0,0\n", [(0, "", "every entry is zero")]),
}

ARRAYS = {
    "cube": (np.ones((2, 2, 2)), ["expected a matrix of real numbers"]),
    "vector": (np.ones(4), ["expected a matrix of real numbers"]),
    "text": (np.array([["a", "b"], ["c", "d"]]), ["expected a matrix of real numbers"]),
    "complex": (np.ones((2, 2)) * 1j, ["expected a matrix of real numbers"]),
    "oblong": (np.ones((2, 3)), ["2 rows of 3 columns"]),
    "empty": (np.ones((0, 0)), ["empty"]),
    "entries": (
        np.array([[1.0, np.nan], [-2.0, 1.0]]),
        ["row 1, column 2: expected a finite number", "row 2, column 1: expected a number from 0 on"],
    ),
}


def test_the_shipped_matrix_is_read():
    matrix = read_traffic(MEASURED)
    assert matrix.shape == (8, 8)
    assert matrix.dtype == float
    assert (matrix.sum(1) == 32768).all()
    assert MEASURED.read_text(encoding="utf-8").startswith("# ")
    assert "arXiv 2501.03905" in MEASURED.read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.parametrize("name", GOOD)
def test_text_is_read(tmp_path, name):
    path = tmp_path / "traffic.csv"
    path.write_text(GOOD[name], encoding="utf-8", newline="")
    np.testing.assert_array_equal(read_traffic(path), [[1, 2], [3, 4]])


@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int32, np.uint8])
def test_arrays_are_read(tmp_path, kind):
    np.save(tmp_path / "traffic.npy", np.array([[1, 2], [3, 4]], dtype=kind))
    matrix = read_traffic(tmp_path / "traffic.npy")
    assert matrix.dtype == float
    np.testing.assert_array_equal(matrix, [[1, 2], [3, 4]])


@pytest.mark.parametrize("name", BAD)
def test_everything_wrong_with_text_is_told_at_once(tmp_path, name):
    path = tmp_path / "traffic.csv"
    text, expected = BAD[name]
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_traffic(path)
    problems = caught.value.problems
    assert [(p.line, p.key) for p in problems] == [(line, key) for line, key, _ in expected]
    assert all(part in p.message for p, (_, _, part) in zip(problems, expected, strict=True))
    assert all(p.file.endswith("traffic.csv") for p in problems)


@pytest.mark.parametrize("name", ARRAYS)
def test_everything_wrong_with_an_array_is_told_at_once(tmp_path, name):
    array, expected = ARRAYS[name]
    np.save(tmp_path / "traffic.npy", array)
    with pytest.raises(ConfigError) as caught:
        read_traffic(tmp_path / "traffic.npy")
    assert len(caught.value.problems) == len(expected)
    assert all(part in str(p) for p, part in zip(caught.value.problems, expected, strict=True))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("traffic.csv", b"\xff\xfe\x00\x01", "cannot be read as a matrix"),
        ("traffic.npy", b"not an array", "cannot be read as a matrix"),
        ("traffic.npy", b"", "cannot be read as a matrix"),
        ("traffic.npy", b"\x93NUMPY\x01\x00v\x00{", "cannot be read as a matrix"),
    ],
)
def test_files_that_are_no_matrix_are_told(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_traffic(tmp_path / name)


def test_a_pickle_is_not_opened(tmp_path):
    np.save(tmp_path / "traffic.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(ConfigError, match="cannot be read as a matrix"):
        read_traffic(tmp_path / "traffic.npy")


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "traffic.csv").write_text("1", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"no such file; did you mean 'traffic\.csv'"):
        read_traffic(tmp_path / "trafic.csv")
    with pytest.raises(ConfigError, match="no such file"):
        read_traffic(tmp_path / "nowhere" / "trafic.csv")
    with pytest.raises(ConfigError, match="cannot be read as a matrix"):
        read_traffic(tmp_path)


@pytest.mark.parametrize(
    ("ep", "close"), [(16.0, 8), (3.0, 2), (6.0, 4), (7.0, 8), (2.5, 2), (0.0, 1), (-4.0, 1), (float("nan"), 8), (float("inf"), 8)]
)
def test_other_degrees_name_the_nearest_that_fits(ep, close):
    with pytest.raises(ConfigError, match=f"the nearest degree that does is {close}$") as caught:
        check_ranks(np.ones((8, 8)), ep, "traffic.csv")
    assert caught.value.problems[0].file == "traffic.csv"


@pytest.mark.parametrize("ranks", [1, 7, 8, 12])
def test_divisors_fit(ranks):
    matrix = np.ones((ranks, ranks))
    for ep in legal_ranks(matrix):
        check_ranks(matrix, float(ep))
