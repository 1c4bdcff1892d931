"""How does a design or study file lay work over its cluster: training, serving, and what is asked of serving?"""

from codesign.config.catalogue import Catalogue
from codesign.config.document import Document
from codesign.config.expand import expand
from codesign.config.parts import Loaded, read_module
from codesign.config.problems import ConfigError, Problem
from codesign.mapping.deployment import Deployment
from codesign.mapping.parallelism import Mapping
from codesign.workload.serving import ServingLoad
from codesign.workload.training import Workload

PARTS: dict[str, type] = {"mapping": Mapping, "deployment": Deployment, "serving": ServingLoad}
"""Tables of choices, which need no source; a load may also be the name of a row, or a row with changes."""


def load_part(name: str, document: Document, catalogue: Catalogue) -> Loaded | None:
    """One of the tables of `PARTS`, `None` where the file has none."""
    if name not in document.data:
        return None
    data, problems = document.data[name], list[Problem]()
    if name == "serving":
        data = expand(Workload, {name: data}, catalogue.rows, document, (), problems).get(name, {})
    if problems:
        raise ConfigError(problems)
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
