"""Which expert traffic does the `[traffic]` table of a design or study describe?

Either a measured matrix, `file = "traffic.csv"`, or a law, `law = "zipf"` with the hot factor
`hot` (busiest over mean expert). `placement` says where experts go: "as given", "shuffled" or
"balanced" (over pods of the cluster); `experts_follow = false` keeps computing even.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from codesign.config.document import Document
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.traffic_file import read_traffic
from codesign.performance.demand import Demand
from codesign.workload.traffic import balanced_order, dirichlet_traffic, reordered, uniform_traffic, zipf_traffic

LAWS = ("uniform", "zipf", "dirichlet")
PLACEMENTS = ("as given", "shuffled", "balanced")
KEYS = ("file", "law", "hot", "seed", "placement", "experts_follow")
CONCENTRATION = 10.0


def read_demand(document: Document, experts: float, pod: float) -> tuple[Demand | None, list[Problem]]:
    """The demand of the document, None without a `[traffic]` table; `experts` routed experts of the model, `pod` devices of a pod."""
    table = document.data.get("traffic")
    if table is None:
        return None, []
    if not isinstance(table, dict):
        return None, [document.problem(("traffic",), "expected a table")]
    problems = _key_problems(document, table)
    if problems:
        return None, problems
    if "file" in table:
        try:
            matrix = read_traffic(document.path.parent / table["file"])
        except ConfigError as error:
            return None, list(error.problems)
    else:
        matrix = _matrix(table, round(experts))
    return Demand(_placed(matrix, table, round(pod)), bool(table.get("experts_follow", True))), []


def _key_problems(document: Document, table: dict[str, Any]) -> list[Problem]:
    """Everything wrong with the keys."""
    problems = [document.problem(("traffic", key), "unknown key" + nearest(key, KEYS)) for key in table if key not in KEYS]
    if ("file" in table) == ("law" in table):
        problems.append(document.problem(("traffic",), "expected either 'file' or 'law'"))
    if not isinstance(table.get("file", ""), str):
        problems.append(document.problem(("traffic", "file"), "expected the path of a matrix"))
    for key, known in (("law", LAWS), ("placement", PLACEMENTS)):
        if key in table and table[key] not in known:
            problems.append(document.problem(("traffic", key), f"no {key} '{table[key]}'" + nearest(str(table[key]), known)))
    hot = table.get("hot", 1.0)
    if isinstance(hot, bool) or not isinstance(hot, int | float) or not math.isfinite(hot) or hot < 1:
        problems.append(document.problem(("traffic", "hot"), "expected the busiest over the mean expert, a number from 1 on"))
    if isinstance(table.get("seed", 0), bool) or not isinstance(table.get("seed", 0), int):
        problems.append(document.problem(("traffic", "seed"), f"expected a whole number, got {table['seed']!r}"))
    if not isinstance(table.get("experts_follow", True), bool):
        problems.append(document.problem(("traffic", "experts_follow"), "expected true or false"))
    if "law" in table and table["law"] in ("zipf", "dirichlet") and "hot" not in table:
        problems.append(document.problem(("traffic", "hot"), "this law needs the hot factor"))
    return problems


def _matrix(table: dict[str, Any], experts: int) -> np.ndarray:
    """A law's matrix, every rank sending 1."""
    one, hot = jnp.asarray(float(experts)), jnp.asarray(float(min(table.get("hot", 1.0), experts)))
    if table["law"] == "uniform":
        return np.asarray(uniform_traffic(experts, one))
    if table["law"] == "zipf":
        return np.asarray(zipf_traffic(hot, experts, one))
    key = jax.random.key(table.get("seed", 0))
    return np.asarray(dirichlet_traffic(key, hot, experts, one, jnp.asarray(CONCENTRATION)))


def _placed(matrix: np.ndarray, table: dict[str, Any], pod: int) -> np.ndarray:
    """Columns in the order in which ranks hold the experts."""
    how = table.get("placement", "as given" if "file" in table else "shuffled")
    if how == "shuffled":
        order = np.random.default_rng(table.get("seed", 0)).permutation(len(matrix))
    elif how == "balanced":
        blocks = math.gcd(len(matrix), max(pod, 1))
        order = balanced_order(matrix.sum(0), len(matrix) // blocks)
    else:
        return matrix
    return np.asarray(reordered(jnp.asarray(matrix), order))
