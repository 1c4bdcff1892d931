"""What does a run of 10^8 evaluated designs keep, and how much memory does it take?

Every study is solved by `codesign optimize` in a process of its own; then one is with as many generations of mutation in a round
as that many designs take, which is what a user sets who has time to spare; last the flagship study with nearly as many
combinations of choices as a study of that many lists may have.
"""

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from claim import ROOT, Row, parser, show
from scaling_studies import NEUTRAL, written

SHIPPED = ROOT / "configs" / "studies"
STUDIES = tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))
LARGE = "passage"
MOST = 4.0
"""GiB."""
CHILDREN = 16_384
"""Designs of a generation."""
VARIABLES = 4
"""Of the widest study, as the flagship has."""
UNITS = 12
"""In how many units of mutation a search looks at least: three wide rounds that gain nothing, of four units each."""
PAUSE = 0.2
"""Seconds between two looks at the memory of all processes."""


class Measured(NamedTuple):
    """A finished run: peak memory of its process and of it with those it started [GiB], seconds, size of the folder [MiB], manifest."""

    peak: float
    family: float
    seconds: float
    kept: float
    manifest: dict[str, Any]


def resident(pid: int) -> float:
    """Memory [GiB] of a process and of those that it has started, pages that they share counted in each; 0 without /proc."""
    total = 0.0
    with contextlib.suppress(OSError):  # one that has ended, or no /proc
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 2**20
        total += sum(resident(int(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    return total


def waited(process: subprocess.Popen) -> tuple[float, float]:
    """Peak memory of a process, at least what this one has when it starts it, and of it with its children as often looked at."""
    family = 0.0
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        family = max(family, resident(process.pid))
        time.sleep(PAUSE)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return usage.ru_maxrss / 2**20, family


def solved(study: Path, *settings: str) -> Measured:
    """A study file solved by the command, without programs that earlier runs have compiled."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-c", "from codesign.cli import main; main()", "optimize", str(study)]
        command += ["--out", str(out), *(part for setting in settings for part in ("--set", setting))]
        environment = os.environ | {"JAX_PLATFORMS": "cpu", "HOME": folder}
        start = time.perf_counter()
        peak, family = waited(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL))
        seconds = time.perf_counter() - start
        kept = sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 2**20
        return Measured(peak, max(peak, family), seconds, kept, json.loads((out / "manifest.json").read_text(encoding="utf-8")))


def wide_study(folder: Path, cells: int) -> Path:
    """The flagship study with some three quarters of `cells` legal combinations: one number of dies is left out."""
    path, dies = written(folder, cells, VARIABLES), NEUTRAL["cluster.device.package.dies"]
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(str(dies), str(dies[:-1])), encoding="utf-8")
    return path


def memory_rows(name: str, found: Measured) -> list[Row]:
    """The memory of a run, alone and with the processes of its proof."""
    return [
        Row(f"{name}.peak", f"{name}: peak memory of the command", "GiB", None, found.peak, 0.0, MOST),
        Row(f"{name}.all", f"{name}: with the processes of its proof", "GiB", None, found.family, 0.0, MOST),
    ]


def large_rows(designs: float, found: Measured) -> list[Row]:
    """What the large run evaluated, took and kept."""
    manifest = found.manifest
    evaluated, search = manifest["evaluations"], sum(s for stage, s in manifest["seconds"].items() if stage != "reading")
    return [
        Row("large.evaluated", "evaluated designs", "1", None, evaluated, designs, math.inf),
        Row("large.peak", "peak memory", "GiB", None, found.peak, 0.0, MOST),
        Row("large.folder", "size of the run folder", "MiB", None, found.kept),
        Row("large.found", "designs on the front found", "1", None, manifest["found"]),
        Row("large.front", "designs of the front kept", "1", None, manifest["designs"]),
        Row("large.sample", "random designs kept", "1", None, manifest["sample"]["points"]),
        Row("large.wall", "seconds of the command", "s", None, found.seconds),
        Row("large.search", "seconds of the search", "s", None, search),
        Row("large.rate", "designs per second of the search", "1/s", None, evaluated / search),
    ]


def arguments() -> argparse.ArgumentParser:
    """Which studies, and how many designs."""
    result = parser(__doc__)
    result.add_argument("--studies", nargs="*", choices=STUDIES, default=list(STUDIES), help="studies whose memory is measured")
    result.add_argument("--designs", type=float, default=1e8, help="designs of the large run (0: none)")
    result.add_argument("--cells", type=float, default=4e6, help="the widest study has three quarters of so many combinations (0: none)")
    return result


def main() -> int:
    """Print the claim."""
    chosen = arguments().parse_args()
    rows = [row for name in chosen.studies for row in memory_rows(name, solved(SHIPPED / f"{name}.toml"))]
    assumptions = [
        f"{os.cpu_count()} cores; every program is compiled anew; a proof has its processes beside the command",
        "a run keeps the designs of the front (search.front of them at most), a sample of random designs, and the manifest",
    ]
    generations = math.ceil(chosen.designs / (UNITS * CHILDREN))
    if generations:
        settings = (f"search.generations={generations}", "search.certificate_seconds=0")
        rows += large_rows(chosen.designs, solved(SHIPPED / f"{LARGE}.toml", *settings))
        asked = "".join(f" --set {setting}" for setting in settings)
        assumptions.append(f"the large run: codesign optimize configs/studies/{LARGE}.toml{asked}")
    if chosen.cells:
        with tempfile.TemporaryDirectory() as folder:
            found = solved(wide_study(Path(folder), int(chosen.cells)))
        rows += [Row("wide.cells", "legal combinations of the widest study", "1", None, found.manifest["cells"])]
        rows += memory_rows("wide", found)
    return show("Memory of every study, and of a run that evaluates very many designs", rows, assumptions, chosen.json)


if __name__ == "__main__":
    sys.exit(main())
