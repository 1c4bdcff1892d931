"""Does a study ask only for metrics that its base point has: those of training where it trains, those of serving where it serves?"""

from codesign import metrics
from codesign.config.document import Document
from codesign.config.problems import Problem
from codesign.fields import of_work
from codesign.metrics import Metrics

TRAINING, SERVING = of_work(Metrics, metrics.TRAINING), of_work(Metrics, metrics.SERVING)


def absent_metrics(document: Document) -> list[Problem]:
    """Objectives and limits whose metric the design of a study does not have; a file that lays out nothing is told elsewhere."""
    data = document.data
    there = frozenset(str(name) for name in ("mapping", "deployment", "serving") if name in data)
    objectives, limits = data.get("objectives"), data.get("limits")
    asked = [("objectives", str(name)) for name in objectives] if isinstance(objectives, list) else []
    asked += [("limits", str(name)) for name in limits] if isinstance(limits, dict) else []
    found = []
    for table, name in asked:
        key = (table, name) if table == "limits" else (table,)
        if needs := _needs(name, there):
            found.append(document.problem(key, f"'{name}' {needs}"))
    return found


def _needs(metric: str, there: frozenset[str]) -> str:
    """What a design with the tables `there` lacks to have the metric, in words."""
    if metric in TRAINING and there and "mapping" not in there:
        return "is that of training: it needs [mapping]"
    if metric in SERVING and there and not there & {"deployment", "serving"}:
        return "is that of serving: it needs [deployment] and serving"
    return ""
