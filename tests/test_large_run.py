"""Does the experiment on memory see what a process and those it starts use, and does it judge what it says it judges?"""

import subprocess
import sys

import pytest
from cases import ROOT

sys.path.insert(0, str(ROOT / "experiments"))

from large_run import Measured, large_rows, memory_rows, waited

HOLD = "import time; held = bytearray(150 << 20); time.sleep(1)"
PARENT = f"import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', {HOLD!r}]); {HOLD}; child.wait()"


@pytest.mark.parametrize(("text", "own", "family"), [(HOLD, 0.15, 0.15), (PARENT, 0.15, 0.3)])
def test_memory_of_a_process_and_of_those_it_starts(text, own, family):
    found = waited(subprocess.Popen([sys.executable, "-c", text]))
    assert found[0] > own - 0.02
    assert found[1] == pytest.approx(family, abs=0.08)


def test_a_command_that_fails_is_told():
    with pytest.raises(subprocess.CalledProcessError):
        waited(subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"]))


@pytest.mark.parametrize(("peak", "evaluated", "within"), [(3.9, 1.1e8, {True}), (4.1, 0.9e8, {False})])
def test_bars(peak, evaluated, within):
    seconds = {"reading": 1.0, "mutation": 8.0, "polish": 2.0}
    manifest = {"evaluations": evaluated, "seconds": seconds, "found": 3, "designs": 2, "sample": {"points": 1}}
    found = Measured(peak, peak, 20.0, 16.0, manifest)
    rows = {row.id: row for row in [*memory_rows("toy", found), *large_rows(1e8, found)]}
    assert {rows[name].within for name in ("toy.peak", "toy.all", "large.peak", "large.evaluated")} == within
    assert rows["large.rate"].model == evaluated / 10
