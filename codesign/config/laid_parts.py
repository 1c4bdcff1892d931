"""How does a design or study file lay work over its cluster: training, serving, and what is asked of serving?"""

from typing import Any

from codesign.config.catalogue import Catalogue
from codesign.config.document import Document
from codesign.config.parts import Loaded, read_module
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.workloads import merged
from codesign.mapping.deployment import Deployment
from codesign.mapping.parallelism import Mapping
from codesign.workload.serving import ServingLoad

PARTS: dict[str, type] = {"mapping": Mapping, "deployment": Deployment, "serving": ServingLoad}
"""Tables of choices, which need no source; a load may also be the name of a row, or a row with changes."""


def _load_table(data: Any, document: Document, catalogue: Catalogue) -> Any:
    """The load with the row that it names filled in."""
    rows, table = catalogue.rows["serving_loads"], {"row": data} if isinstance(data, str) else data
    if not isinstance(table, dict) or "row" not in table:
        return table
    name = str(table["row"])
    if name not in rows:
        raise ConfigError([document.problem(("serving",), f"no row '{name}' in serving_loads" + nearest(name, rows))])
    return merged(rows[name].raw, {key: value for key, value in table.items() if key != "row"})


def load_part(name: str, document: Document, catalogue: Catalogue) -> Loaded | None:
    """One of the tables of `PARTS`, `None` where the file has none."""
    if name not in document.data:
        return None
    data = document.data[name]
    data = _load_table(data, document, catalogue) if name == "serving" else data
    if not isinstance(data, dict):
        said = "expected a table or the name of a row" if name == "serving" else "expected a table"
        raise ConfigError([document.problem((name,), said)])
    return read_module(PARTS[name], data, document, catalogue, (name,), sourced=False)


def missing_parts(document: Document) -> list[Problem]:
    """A file lays out training, serving or both; what serves needs its load, and a load something that serves."""
    there = {name for name in PARTS if name in document.data}
    if not there & {"mapping", "deployment"}:
        said = "this key is missing: a cluster that trains has [mapping], one that serves [deployment] and serving"
        return [document.problem(("mapping",), said)]
    if ("deployment" in there) != ("serving" in there):
        missing, other = ("serving", "deployment") if "deployment" in there else ("deployment", "serving")
        return [document.problem((missing,), f"this key is missing: '{other}' needs it")]
    return []
