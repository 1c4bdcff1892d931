"""What does `codesign explain RUN#ID` do?"""

from pathlib import Path

import click

from codesign.cli import emit
from codesign.commands.draw import Drawing, check_drawing_path, write_drawing
from codesign.config.problems import ConfigError, Problem, nearest, shown_path
from codesign.explain import as_text, explanation
from codesign.report.folder import read_run
from codesign.report.rebuild import design_of


def run_explain(target: str, drawing: Drawing, as_json: bool) -> None:
    """Print why the named design is on the front; without an id, the best of the first objective."""
    folder, _, name = target.partition("#")
    run = read_run(Path(folder))
    if not run.size:
        raise ConfigError([Problem(folder, 0, "", "the run has no designs: solve the study again")])
    name = name or run.manifest["best"][run.manifest["objectives"][0]["name"]]
    if name not in run.columns["id"]:
        raise ConfigError([Problem(target, 0, name, "no such design" + nearest(name, run.columns["id"]))])
    number = run.columns["id"].index(name)
    draw = drawing.path
    if draw is not None:
        check_drawing_path(draw)
    data = explanation(run, number)
    if draw is not None:
        write_drawing(*design_of(run, number), f"{name} of {run.manifest['title']}", draw, drawing)
        data["drawing"] = str(draw)
    emit(data) if as_json else click.echo(as_text(data, run))
    if draw is not None and not as_json:
        click.echo(f"\nThe package is drawn in {shown_path(draw)}")
