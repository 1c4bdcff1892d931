"""How does the page show that the front was found sooner than by other optimisers?

The figures come from `experiments/search_vs_peers.py --keep FILE.json`; `codesign report RUN
--rivals FILE.json` puts those of the run's study into its folder.
"""

import contextlib
import html
import json
from pathlib import Path
from typing import Any

from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.report.race import plot
from codesign.report.run import Run

FILE = "rivals.json"


def study_name(run: Run) -> str:
    """The name of the study file of a run.

    >>> study_name(Run({"source": {"path": "configs/studies/passage.toml"}}, {}))
    'passage'
    """
    return Path(run.manifest.get("source", {}).get("path", "")).stem


def rivals_of(path: Path, run: Run) -> dict[str, Any]:
    """The race of the run's study from a file; `ConfigError` when it is not there."""
    try:
        studies = json.loads(path.read_text(encoding="utf-8"))["studies"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = f"expected what experiments/search_vs_peers.py --keep writes: {error}"
        raise ConfigError([Problem(shown_path(path), 0, "--rivals", text)]) from None
    if study_name(run) not in studies:
        known = ", ".join(studies) or "none"
        raise ConfigError([Problem(shown_path(path), 0, "--rivals", f"has no race of the study '{study_name(run)}' (it has: {known})")])
    return {"studies": {study_name(run): studies[study_name(run)]}}


def read_rivals(folder: Path, run: Run) -> dict[str, Any] | None:
    """The race of the run's study that is kept in its folder, if there is one that can be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        race = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return {"studies": {study_name(run): race["studies"][study_name(run)]}}
    return None


def _seconds(value: float | None, limit: float) -> str:
    return f"not in {limit:.0f} s" if value is None else f"{value:.2f} s"


def rivals_section(race: dict[str, Any]) -> str:
    """A table of the methods and the race as a picture."""
    (study,) = race["studies"].values()
    shares = ("0.95", "0.99", "0.999")
    head = "".join(f"<th>to {100 * float(share):g} %</th>" for share in shares)
    rows = []
    for name, found in study["methods"].items():
        times = "".join(f"<td>{_seconds(found['seconds_to'].get(share), study.get('limit', 0))}</td>" for share in shares)
        final = f"<td>{100 * found['final'][0] / study['best_known']:.3f} %</td>"
        rows.append(f"<tr><td>{html.escape(name)}</td>{times}{final}</tr>")
    seeds = max(found.get("seeds", 1) for found in study["methods"].values())
    heads = f"<tr><th>method, median over {seeds} seeds</th>{head}<th>best hypervolume, share at the end</th></tr>"
    table = f"<table>{heads}{''.join(rows)}</table>"
    return f"<div class='card scroll'>{table}</div><div class='card floorplan'>{plot(race)}</div>"
