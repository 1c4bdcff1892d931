"""What does `codesign explain RUN#ID` do?"""

from pathlib import Path

import click

from codesign.cli import emit
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.explain import as_text, explanation
from codesign.report.folder import read_run


def run_explain(target: str, as_json: bool) -> None:
    """Print why the named design is on the front; without an id, the best of the first objective."""
    folder, _, name = target.partition("#")
    run = read_run(Path(folder))
    if not run.size:
        raise ConfigError([Problem(folder, 0, "", "the run has no designs")])
    name = name or run.manifest["best"][run.manifest["objectives"][0]["name"]]
    if name not in run.columns["id"]:
        raise ConfigError([Problem(target, 0, name, "no such design" + nearest(name, run.columns["id"]))])
    data = explanation(run, run.columns["id"].index(name))
    emit(data) if as_json else click.echo(as_text(data, run))
