"""Does a run end in the same bits whatever stopped it on the way, and does its folder say what is wrong with it?"""

import contextlib
import errno
import os
import re
import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from toy_plan import ROUNDS, TOTAL, UNITS, Toy, job

from codesign.config.problems import ConfigError
from codesign.engine import dask, shards
from codesign.engine import lock as lock_module
from codesign.engine.arrays import checksum, settled
from codesign.engine.dask import Dask
from codesign.engine.ledger import NAME, rebuild_ledger
from codesign.engine.local import Local
from codesign.engine.lock import locked
from codesign.engine.run import run
from codesign.engine.shards import read_arrays, state_files, unit_files, unit_path
from codesign.engine.trouble import EngineError
from codesign.engine.worker import plan_of


class Stop(Exception):
    """What stops a run in a test."""


class Count:
    """A hook that counts units and raises at one."""

    def __init__(self, at=None, error=Stop):
        self.calls, self.at, self.error = [], at, error

    def __call__(self, number, unit):
        self.calls.append((number, unit))
        if len(self.calls) - 1 == self.at:
            raise self.error


def solved(folder=None, hook=None, resume=False, watch=lambda step: None, work=None, engine=None):
    return run(work or job(), Toy(hook or Count()), folder, watch, engine or Local(), resume)


WHOLE = checksum(solved())


def stopped(folder, at, error=Stop):
    """A folder of a run that was stopped at a unit."""
    with pytest.raises(error):
        solved(folder, Count(at, error))
    return folder


def resumed(folder):
    """Resumes a run and compares its end; returns the units done again."""
    count = Count()
    assert checksum(solved(folder, count, resume=True)) == WHOLE
    return count.calls


def rows(folder):
    with contextlib.closing(sqlite3.connect(folder / NAME)) as connection:
        return connection.execute("select round, unit, status, attempts, worker, checksum from units order by round, unit").fetchall()


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
def test_a_run_stopped_at_any_unit_ends_the_same(tmp_path, error):
    for at in range(TOTAL):
        folder = stopped(tmp_path / str(at), at, error)
        assert len(resumed(folder)) == TOTAL - at
        assert resumed(folder) == []
        assert sum(row[3] for row in rows(folder)) == TOTAL + 1
        assert {row[2] for row in rows(folder)} == {"done"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_stopped_at_any_write_ends_the_same(tmp_path, monkeypatch, moment):
    whole, left = shards.write_whole, [0]

    def write(path, data):
        left[0] -= 1
        if left[0] < 0 and moment == "before":
            path.with_name(path.name + ".tmp").write_bytes(data[:20])
            raise Stop
        whole(path, data)
        if left[0] < 0:
            raise Stop

    for number in range(TOTAL + ROUNDS + 1):
        left[0] = number
        with monkeypatch.context() as patch:
            patch.setattr(shards, "write_whole", write)
            stopped(tmp_path / str(number), at=None)
        resumed(tmp_path / str(number))
        assert not list((tmp_path / str(number)).rglob("*.tmp"))


def test_old_rounds_leave_the_folder(tmp_path):
    seen = []
    solved(tmp_path, watch=lambda step: seen.append(({r for r, _ in unit_files(tmp_path)}, set(state_files(tmp_path)), step)))
    assert all(max(units) - min(units) <= 1 for units, _, _ in seen if units)
    assert all(states == {step.round - 1, step.round} - {-1} for _, states, step in seen)
    assert [step.done for *_, step in seen] == [done for number in range(ROUNDS) for done in range(UNITS + number + 1)]


def cut(path):
    path.write_bytes(path.read_bytes()[:-30])


def empty(path):
    path.write_bytes(b"")


def flip(path):
    data = bytearray(path.read_bytes())
    data[150] ^= 64
    path.write_bytes(data)


def swap(path):
    path.write_bytes(unit_path(path.parents[1], 1, 0).read_bytes())


def other_run(path):
    kept = read_arrays(path)
    shards.write_arrays(path, kept.arrays, kept.record | {"run": {"key": "another"}}, "a shard of another run")


@pytest.mark.parametrize("damage", [cut, empty, flip, swap, other_run, os.unlink])
def test_a_damaged_shard_is_done_again(tmp_path, damage):
    folder = stopped(tmp_path, UNITS + 3)
    damage(unit_path(folder, 1, 1))
    assert [call for call in resumed(folder) if call[0] == 1] == [(1, 1), (1, 3), (1, 4)]


def test_no_damage_goes_unseen(tmp_path):
    solved(tmp_path)
    path = unit_path(tmp_path, ROUNDS - 1, 0)
    data, before = path.read_bytes(), read_arrays(path)
    for place in range(0, len(data), 3):
        for changed in (data[:place], data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]):
            path.write_bytes(changed)
            kept = read_arrays(path)
            assert kept is None or (checksum(kept.arrays), kept.record) == (checksum(before.arrays), before.record)


@pytest.mark.parametrize("lost", [1, 2])
def test_a_damaged_state_is_made_again(tmp_path, lost):
    folder = stopped(tmp_path, UNITS + 2)
    for path in sorted(state_files(folder).values())[-lost:]:
        cut(path)
    assert len(resumed(folder)) == TOTAL - UNITS - 2


def garbage(folder):
    (folder / NAME).write_bytes(b"no database" * 100)


def page_lost(folder):
    data = bytearray((folder / NAME).read_bytes())
    data[4096:8192] = bytes(4096)
    (folder / NAME).write_bytes(data)


def empty_ledger(folder):
    (folder / NAME).write_bytes(b"")


def other_tables(folder):
    (folder / NAME).unlink()
    with contextlib.closing(sqlite3.connect(folder / NAME)) as connection:
        connection.execute("create table header (name, value)")


def no_header(folder):
    with contextlib.closing(sqlite3.connect(folder / NAME)) as connection:
        connection.execute("delete from header")
        connection.commit()


def no_ledger(folder):
    (folder / NAME).unlink()


@pytest.mark.parametrize("damage", [garbage, page_lost, empty_ledger, other_tables, no_header, no_ledger])
def test_a_damaged_ledger_is_made_again(tmp_path, damage):
    folder = stopped(tmp_path, UNITS + 3)
    before = [row for row in rows(folder) if row[2] == "done"]
    damage(folder)
    rebuild_ledger(folder)
    assert rows(folder) == before
    damage(folder)
    assert len(resumed(folder)) == TOTAL - UNITS - 3
    damage(folder)
    with pytest.raises(ConfigError, match="seed 0, this one of seed 1"):
        solved(folder, resume=True, work=job(seed="1"))


DIFFERENCES = [
    (job(seed="1", key="b"), None, ["of seed 0, this one of seed 1"]),
    (job(study="mixnet", seed="2"), None, ["of study passage, this one of study mixnet", "of seed 0, this one of seed 2"]),
    (job(key="b"), None, ["of key toy, this one of key b"]),
    (job(), "package version", ["of package version 0.0.1, this one of package version"]),
    (job(), "jax version", ["of jax version 0.0.1, this one of jax version"]),
]


@pytest.mark.parametrize(("work", "older", "texts"), DIFFERENCES)
def test_another_run_is_not_resumed(tmp_path, work, older, texts):
    folder = stopped(tmp_path, 2)
    if older:
        with contextlib.closing(sqlite3.connect(folder / NAME)) as connection, connection:
            connection.execute("update header set value = '0.0.1' where name = ?", (older,))
    with pytest.raises(ConfigError) as told:
        solved(folder, resume=True, work=work)
    assert sorted(problem.key for problem in told.value.problems) == ["--resume"] * len(texts)
    assert all(any(text in problem.message for problem in told.value.problems) for text in texts)


def test_an_unfinished_run_is_not_overwritten_and_a_finished_one_is(tmp_path):
    folder = stopped(tmp_path, UNITS + 3)
    with pytest.raises(ConfigError, match=r"3 units of round 1 are done\); continue it with --resume, or choose another --out"):
        solved(folder)
    resumed(folder)
    count = Count()
    solved(folder, count, work=job(seed="1"))
    assert len(count.calls) == TOTAL


HOLDER = """
import fcntl, os, sys
file = open(sys.argv[1], "w")
fcntl.flock(file, fcntl.LOCK_EX)
print("process", os.getpid(), "since 2026", file=file, flush=True)
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_do_not_share_a_folder(tmp_path):
    command = [sys.executable, "-I", "-S", "-c", HOLDER, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigError, match=f"in use by process {holder.pid} since 2026; wait"):
            solved(tmp_path)
        holder.kill()
    held = []
    assert checksum(solved(tmp_path, watch=lambda step: held.append((tmp_path / "lock").read_text()))) == WHOLE
    assert all(re.fullmatch(rf"process {os.getpid()} since 20\S+\n", text) for text in held)
    assert not (tmp_path / "lock").exists()


def test_a_process_may_hold_its_folder_for_longer_than_a_run(tmp_path):
    with locked(tmp_path):
        assert checksum(solved(tmp_path)) == WHOLE
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()


def test_a_lock_whose_file_was_removed_is_taken_on_the_new_one(tmp_path, monkeypatch):
    """Its holder removes the file between another's opening and locking it."""
    lock, removed = lock_module._lock, []

    def late(file):
        if not removed:
            removed.append((tmp_path / "lock").unlink())
        return lock(file)

    monkeypatch.setattr(lock_module, "_lock", late)
    with locked(tmp_path):
        assert (tmp_path / "lock").read_text().startswith("process ")


@pytest.mark.parametrize(("number", "held"), [(errno.ENOLCK, True), (errno.ENOSYS, True), (errno.EIO, False)])
def test_a_file_system_without_locks_bars_nothing(tmp_path, monkeypatch, number, held):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    with contextlib.nullcontext() if held else pytest.raises(EngineError, match="the lock of the run could not be written"):
        solved(tmp_path)


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("at", [0, 1, UNITS + 2, UNITS + 3])
def test_a_full_disk_loses_nothing(tmp_path, monkeypatch, failing, at):
    count = Count()

    def full(*_):
        raise FULL

    def watch(step):
        if len(count.calls) == at:
            monkeypatch.setattr(os, failing, full)

    with pytest.raises(EngineError, match=r"\.npz: the disk is full; the (result of unit \d of|state before) round \d could not be"):
        solved(tmp_path, count, watch=watch)
    monkeypatch.undo()
    assert not list(tmp_path.rglob("*.tmp"))
    assert len(resumed(tmp_path)) == TOTAL - at


def test_a_full_disk_is_told_for_the_ledger_and_the_folder(tmp_path, monkeypatch):
    folder = stopped(tmp_path / "run", 2)
    with contextlib.closing(sqlite3.connect(folder / NAME)) as connection:
        connection.execute("create trigger full before insert on units begin select raise(fail, 'no room'); end")
    with pytest.raises(EngineError, match=r"ledger.sqlite: no room; the ledger could not be written"):
        solved(folder, resume=True)
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="the run folder could not be written"):
        solved(tmp_path / "file" / "run")


def test_arrays_settle_to_one_layout_and_keep_their_bits():
    arrays = {"f": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "s": np.arange(8)[::2], "z": np.array(3.0), "b": np.zeros((0, 2), bool)}
    found = settled(arrays)
    assert all(array.flags.c_contiguous and not array.flags.writeable for array in found.values())
    assert all(np.array_equal(arrays[name], array) and arrays[name].shape == array.shape for name, array in found.items())
    assert checksum(found) == checksum(arrays) != checksum(arrays | {"z": np.array(3, np.float32)})
    with pytest.raises(TypeError, match="array 'o' is of object"):
        settled({"o": np.array([None])})


def test_a_worker_makes_a_plan_once_and_no_other_one():
    assert plan_of(job()) is plan_of(job())
    with pytest.raises(EngineError, match="other versions"):
        plan_of(job(key="another"))


def test_a_cluster_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(dask, "PATIENCE", 0.2)
    monkeypatch.setattr(dask, "ARRIVAL", 0.2)
    with pytest.raises(ConfigError, match=r"dask at tcp://127.0.0.1:9: cannot be reached"):
        solved(engine=Dask("tcp://127.0.0.1:9"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"not installed: pip install -e '.\[dask\]'"):
        solved(engine=Dask())


def test_workers_that_die_change_nothing(tmp_path):
    marker = tmp_path / "died"
    found = solved(tmp_path / "run", work=job(marker), engine=Dask(workers=2))
    assert checksum(found) == WHOLE
    assert marker.exists()
    assert len(rows(tmp_path / "run")) == TOTAL
    assert resumed(tmp_path / "run") == []
