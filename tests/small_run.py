"""Which small study do several files look at, and what did it leave behind?"""

import functools
import json
import os
import time
import traceback
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result

from codesign.cli import main

SHARED = "CODESIGN_TEST_PROGRAMS"
"""Where the workers of a run of the tests share what took long (see `conftest`)."""
PATIENCE = 300.0
CONFIGS = Path(__file__).parents[1] / "configs"

SMALL = """\
title = "Small <script>alert(1)</script> & study"
system = "passage"
workload = "passage_4.7t"
objectives = ["time_to_train", "energy_to_train", "capital_cost"]

[mapping]
schedule = "full"
dp = 256
tp = 16
pp = 8
ep = 32
etp = 16
micro_batch = 1

[discrete]
"mapping.tp" = [8, 16]
"cluster.device.scale_up.link" = ["copper", "passage_interposer"]

[continuous]
"cluster.device.scale_up.bandwidth" = { low = "1.6 Tb/s", high = "64 Tb/s", step = "0.4 Tb/s" }
"cluster.pod.size" = { low = 16, high = 512 }

[search]
rounds = 1
directions = 12
lanes = 512
generations = 4

[[reference]]
name = "as published"
[reference.set]
"cluster.pod.size" = 512
"""


def invoke(*arguments: object) -> Result:
    """The command line in this process; an exception that a user would see as a traceback fails the test."""
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise AssertionError("".join(traceback.format_exception(result.exception)))
    return result


def strict_json(text: str) -> dict:
    """The one JSON object in `text`; NaN and Infinity, which are not JSON, fail."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


def told(result: Result) -> dict:
    """The one JSON object that is all of stdout."""
    assert result.stdout.count("\n") == 1
    return strict_json(result.stdout)


def written(folder: Path, text: str, name: str = "study.toml") -> Path:
    """A file in `folder`."""
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


class Said(NamedTuple):
    """How a command ended and what it printed."""

    exit_code: int
    output: str
    stdout: str
    stderr: str


class SmallRun(NamedTuple):
    """The study file, the folder of its run, and what the command printed."""

    study: Path
    folder: Path
    result: Said


@functools.cache
def small_run() -> SmallRun:
    """The small study, solved once for all files and all workers of a run of the tests."""
    folder = Path(os.environ[SHARED]) / "small"
    said = folder / "said.json"
    try:
        folder.mkdir()
    except FileExistsError:
        start = time.monotonic()
        while not said.exists():
            assert time.monotonic() - start < PATIENCE, "the worker that began the small run did not end it"
            time.sleep(0.1)
    else:
        _begin(folder, said)
    result = Said(**json.loads(said.read_text(encoding="utf-8")))
    assert result.exit_code == 0, result.output
    return SmallRun(folder / "small.toml", folder / "run", result)


def _begin(folder: Path, said: Path) -> None:
    study = written(folder, SMALL, "small.toml")
    result = CliRunner().invoke(main, ["optimize", str(study), "--out", str(folder / "run"), "--seed", "7"])
    text = json.dumps(Said(result.exit_code, result.output, result.stdout, result.stderr)._asdict())
    written(folder, text, "said.tmp").rename(said)
