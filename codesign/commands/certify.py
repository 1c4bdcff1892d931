"""What does `codesign certify RUN` do?"""

import os
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from codesign.certificate import Certificate, certified
from codesign.cli import INTERRUPTED, emit, say
from codesign.config import load_study
from codesign.config.free_variables import Free
from codesign.config.load import Point
from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.engine.lock import locked
from codesign.report.certificate import certificate_text, proof_text
from codesign.report.folder import check_writable, read_run, write_run
from codesign.report.run import Run, rerun, resolved_study, study_hash
from codesign.search.archive import Archive
from codesign.search.certify import ProofProgress
from codesign.search.program import UnknownOperation
from codesign.search.run import Found
from codesign.study import Front, Study, Volumes, cells_of, front_of, make_exact_evaluation, prepare
from codesign.units import unit_factor

FEW_CELLS = 2000
"""Below as many cells one process is faster than starting several."""
HEARTBEAT = 4.0
SAME = 1e-9
"""Logarithms of one model that differ by more are not of one version of it."""


def workers_for(study: Study) -> int:
    """Processes that share a proof."""
    return (os.cpu_count() or 1) if study.space.size > FEW_CELLS else 1


def proof_watcher() -> Any:
    """Tells how far a proof is, in lines on stderr."""
    last = -HEARTBEAT

    def line(progress: ProofProgress) -> None:
        nonlocal last
        if progress.seconds - last > HEARTBEAT or not progress.open:
            last = progress.seconds
            holds = f"{100 * progress.eps:.2f} %" if np.isfinite(progress.eps) else "no bound yet"
            say(f"certificate: {holds} after {progress.seconds:.0f} s, {progress.boxes:,} boxes, {progress.open:,} open")

    return line


def proved_front(front: Front, percent: float, seconds: float) -> tuple[Front, dict[str, Any]]:
    """The front with the designs that a proof added, and the facts of the proof; they say so when there can be none."""
    try:
        certificate, front = certified(front, percent / 100, seconds, workers_for(front.study), proof_watcher())
    except UnknownOperation as error:
        return front, {"unavailable": str(error)}
    return front, facts_of(certificate)


def facts_of(certificate: Certificate) -> dict[str, Any]:
    """A certificate as plain data; an infinite factor is none."""
    data = certificate._asdict()
    return data | {"eps": data["eps"] if np.isfinite(data["eps"]) else None}


def _study_of(run: Run, folder: Path) -> tuple[Study, Point]:
    """The study that a run is of, read again; `ConfigError` when it is not what it was."""
    source = run.manifest.get("source")
    if not source:
        raise ConfigError([Problem(shown_path(folder), 0, "", "does not say which study file it is of: solve the study again")])
    point, file, _ = load_study(Path(source["path"]), tuple(source["settings"]))
    study = prepare(file, point.design, point.workload)
    aims = [aim["name"] for aim in run.manifest["objectives"]]
    if study_hash(resolved_study(study)) != run.manifest["study_hash"] or aims != list(file.objectives):
        raise ConfigError([Problem(source["path"], 0, "", f"is not the study of {shown_path(folder)} any more: solve it again")])
    return study, point


def _as_kept(run: Run, objectives: np.ndarray, broken: np.ndarray) -> bool:
    """Are all designs feasible, with the log objectives that the run has of them?"""
    aims = run.manifest["objectives"]
    kept = [aim["sense"] * np.log(np.array(run.columns[aim["name"]]) * unit_factor(aim["unit"])[0]) for aim in aims]
    return bool(np.all(broken <= SAME) and np.allclose(objectives, kept, rtol=0, atol=SAME))


def _front(run: Run, study: Study, folder: Path) -> Front:
    """The designs of a run, evaluated again; `ConfigError` when that gives something else."""
    file = study.file
    columns = {free.path: np.array([_choice(free, shown) for shown in run.columns[free.name]]) for free in file.discrete}
    x = np.stack([np.array(run.columns[free.name]) * unit_factor(free.unit)[0] for free in file.continuous])
    cell = cells_of(study, columns or {"": np.zeros(run.size)})
    other = ConfigError([Problem(shown_path(folder), 0, "", "its designs have other values in this version: solve the study again")])
    if (cell < 0).any():
        raise other
    x = study.space.snap(x, cell)
    with jax.enable_x64(True):
        exact = make_exact_evaluation(study)
        _, objectives, broken = exact(x, cell)
        if not _as_kept(run, objectives, broken):
            raise other
        designs = Archive(x, cell, objectives)
        return front_of(study, designs, exact, Found(designs, designs), Volumes(0.0, 0.0, 0.0), run.manifest["seed"])


def closer(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Does an earlier proof of the same model and cells say more than a later one? The front only gained designs since.

    >>> closer({"eps": 0.02, "model": "a", "cells": 9}, {"eps": 0.05, "model": "a", "cells": 9})
    True
    >>> closer({"eps": 0.02, "model": "a", "cells": 9}, {"eps": 0.01, "model": "b", "cells": 9})
    False
    """
    if old.get("eps") is None or any(old[key] != new[key] for key in ("model", "cells")):
        return False
    return new["eps"] is None or old["eps"] < new["eps"]


def _choice(free: Free, shown: Any) -> float:
    """The value of a discrete choice that a table shows."""
    if free.names:
        return float(free.names.index(shown))
    return min(free.values, key=lambda value: abs(value - shown * unit_factor(free.unit)[0]))


def run_certify(folder: Path, percent: float, seconds: float, as_json: bool) -> int:
    """Prove how far from optimal the front of a run can be, and keep the proof's facts in it; returns the exit code."""
    start = time.perf_counter()
    if not read_run(folder).size:
        raise ConfigError([Problem(shown_path(folder), 0, "", "the run has no designs: solve the study again")])
    check_writable(folder, shown_path(folder))
    with locked(folder, ""):
        run = read_run(folder)
        study, point = _study_of(run, folder)
        front = _front(run, study, folder)
        better, facts = proved_front(front, percent, seconds)
        if "unavailable" in facts:
            raise ConfigError([Problem(run.manifest["source"]["path"], 0, "", f"no certificate can be had: {facts['unavailable']}")])
        interrupted, old = facts["interrupted"], run.manifest.get("certificate")
        if old and closer(old, facts):
            say(f"the proof of before says more than this one ({proof_text(facts, len(study.file.objectives))}) and is kept")
            facts = old
        if better is not front:
            say(f"{facts['designs']} designs are on the front now, {front.size} were before; all have new ids")
        run = rerun(run, study, point, better if better is not front else None, {"certificate": facts})
        write_run(run, folder)
    text = certificate_text(run)
    emit({"certificate": facts, "folder": str(folder), "seconds": time.perf_counter() - start}) if as_json else say(text)
    return INTERRUPTED if interrupted else 0
