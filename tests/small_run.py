"""Which small study do several files look at, and what did it leave behind?"""

import atexit
import functools
import json
import shutil
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner, Result

from codesign.cli import main

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


class SmallRun(NamedTuple):
    """The study file, the folder of its run, and what the command printed."""

    study: Path
    folder: Path
    result: Result


@functools.cache
def small_run() -> SmallRun:
    """The small study, solved once for all files."""
    folder = Path(tempfile.mkdtemp(prefix="codesign-small-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    study = folder / "small.toml"
    study.write_text(SMALL, encoding="utf-8")
    result = invoke("optimize", study, "--out", folder / "run", "--seed", 7)
    assert result.exit_code == 0, result.output
    return SmallRun(study, folder / "run", result)
