"""How is progress told: a bar on a terminal, plain lines elsewhere, always on stderr?"""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from codesign.search.run import Progress as Report

HEARTBEAT = 2.0


@contextlib.contextmanager
def watcher() -> Iterator[Callable[[Report], None]]:
    """A function that is told after every batch of work."""
    if sys.stderr.isatty():
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("starting", total=1.0)
            start = time.perf_counter()

            def draw(report: Report) -> None:
                bar.update(task, completed=report.done, description=_text(report, start))

            yield draw
        return
    yield _heartbeat()


def _heartbeat() -> Callable[[Report], None]:
    start, last, stage = time.perf_counter(), 0.0, ""

    def line(report: Report) -> None:
        nonlocal last, stage
        now = time.perf_counter()
        if report.stage != stage or now - last > HEARTBEAT:
            last, stage = now, report.stage
            left = (now - start) * (1 - report.done) / report.done if report.done > 0.05 else 0.0
            click.echo(_text(report, start) + (f", about {left:.0f} s left" if left else ""), err=True)

    return line


def _text(report: Report, start: float) -> str:
    if report.stage == "compiling":
        return "compiling the model (kept for the next run)"
    rate = report.evaluations / max(time.perf_counter() - start, 1e-9)
    return f"{report.stage}: {report.evaluations / 1e6:.1f} M evaluations, {rate / 1e6:.2f} M/s, front {report.front}"
