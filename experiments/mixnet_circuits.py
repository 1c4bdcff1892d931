"""Rows F20 to F31: the token matrix, and circuits allocated to it (facts of arXiv 2501.03905 sections 5.2 and 7.3)."""

import jax
import jax.numpy as jnp
import numpy as np
from claim import Row
from mixnet_machine import tokens

from codesign.topology.circuits.completion import electrical_time, optical_time, pair_atomic_time, split_time, switched_time
from codesign.topology.circuits.exact import exact_circuits
from codesign.topology.circuits.greedy import greedy_circuits
from codesign.topology.circuits.relaxation import relaxed_allocation
from codesign.workload.traffic import busiest_load, hot_factor, uniform_traffic, without_diagonal

ONE = jnp.asarray(1.0)
TENTH = 0.1


def near(row_id: str, quantity: str, paper: float, model: float, allowed: float = TENTH, unit: str = "token times") -> Row:
    """A row with an absolute tolerance."""
    return Row(row_id, quantity, unit, paper, float(model), paper - allowed, paper + allowed)


def matrix_rows(matrix: jax.Array) -> list[Row]:
    """F20, F21: sums of the token matrix."""
    sums = (77703, 44706, 8042, 26001, 31953, 24035, 7237, 42467)
    shares = (2.371, 1.364, 0.245, 0.794, 0.975, 0.734, 0.221, 1.296)
    columns, bare = matrix.sum(0), without_diagonal(matrix)
    rows = [near(f"F20.{i}", f"tokens for expert {i}", paper, columns[i], 0, "1") for i, paper in enumerate(sums)]
    rows += [
        near(f"F20.{i}.share", f"the same over the mean, expert {i}", p, columns[i] / columns.mean(), 6e-4, "1")
        for i, p in enumerate(shares)
    ]
    return [
        *rows,
        near("F21.row", "busiest row without the diagonal", 31864, bare.sum(1).max(), 0, "1"),
        near("F21.column", "busiest column without the diagonal", 67893, bare.sum(0).max(), 0, "1"),
        near("F21.mean", "mean row without the diagonal", 28604.875, bare.sum(1).mean(), 1e-6, "1"),
        near("F21.sigma", "busiest column over the mean, without the diagonal", 2.373, hot_factor(bare), 1e-3, "1"),
    ]


def allocation_rows(
    row_id: str, what: str, matrix: jax.Array, circuits: jax.Array, electrical: float, printed: dict[str, float]
) -> list[Row]:
    """Circuits in use and times of one allocation, beside what is printed of them."""
    rate = jnp.asarray(electrical)
    best = switched_time(matrix, jnp.asarray(8.0))
    found = {
        "circuits": circuits.sum() / 2,
        "optical": optical_time(matrix, circuits, ONE),
        "electrical": electrical_time(matrix, circuits, rate),
        "atomic": pair_atomic_time(matrix, circuits, ONE, rate),
        "split": split_time(matrix, circuits, ONE, rate),
    }
    found |= {"atomic.ratio": found["atomic"] / best, "split.ratio": found["split"] / best}
    rows = []
    for name, paper in printed.items():
        allowed = 0.0 if name == "circuits" else (6e-3 if paper > 3.9 else 6e-4) if name.endswith("ratio") else TENTH
        unit = "1" if name == "circuits" else "x" if name.endswith("ratio") else "token times"
        rows.append(near(f"{row_id}.{name}", f"{what}: {name}", paper, found[name], allowed, unit))
    return rows


def greedy_rows(matrix: jax.Array) -> list[Row]:
    """F22 to F27: fat-trees, and the paper's greedy rule by number of optical ports."""
    best = switched_time(matrix, jnp.asarray(8.0))
    rows = [
        near("F22", "fat-tree, 8 ports", 8486.6, best),
        near("F22.mean", "fat-tree, bound of the mean load", 3575.6, without_diagonal(matrix).sum(1).mean() / 8),
        near("F23", "3:1 oversubscribed, everything crossing", 25459.9, 3 * best),
    ]
    printed = {
        3: {"circuits": 12, "optical": 10897, "electrical": 7587.4, "atomic": 10897, "split": 8486.6},
        4: {"circuits": 16, "optical": 10897, "electrical": 7313.2, "atomic": 10897, "split": 8486.6},
        5: {"circuits": 19, "optical": 10897, "electrical": 10249, "atomic": 10897, "split": 10249, "split.ratio": 1.208},
        6: {"circuits": 24, "optical": 10897, "electrical": 4180.5, "atomic": 10897, "atomic.ratio": 1.284, "split": 8486.6},
        7: {"circuits": 28, "optical": 10897, "electrical": 0, "atomic": 10897, "split": 8504.6, "split.ratio": 1.002},
    }
    for ports, found in printed.items():
        name = "F24" if ports == 6 else f"F25.{ports}" if ports < 5 else f"F26.{ports}"
        circuits = greedy_circuits(matrix, jnp.asarray(float(ports)))
        rows += allocation_rows(name, f"greedy, {ports} optical ports", matrix, circuits, 8.0 - ports, found)
    stopped = greedy_circuits(matrix, jnp.asarray(6.0), blocked="stop")
    shown = {"circuits": 6, "optical": 10897, "electrical": 16543, "atomic": 16543, "atomic.ratio": 1.949, "split": 16543}
    rows += allocation_rows("F27", "greedy that stops at the first blocked pair", matrix, stopped, 2.0, shown)
    circuits = np.asarray(greedy_circuits(matrix, jnp.asarray(6.0)))
    expected = np.ones((8, 8)) - np.eye(8)
    for i, j, count in ((0, 5, 0), (1, 2, 0), (2, 3, 0), (4, 6, 0), (6, 7, 0), (2, 6, 2)):
        expected[i, j] = expected[j, i] = count
    rows.append(
        near("F24.vector", "entries of the circuit matrix that differ from the printed one", 0, np.abs(circuits - expected).sum(), 0, "1")
    )
    return rows


def better_rows(matrix: jax.Array) -> list[Row]:
    """F28 to F31: the exact optimum, uniform demand and its pathology, derivatives; and the relaxation, which nobody printed."""
    exact = exact_circuits(np.asarray(matrix), np.full(8, 6), 1.0, 2.0)
    even = uniform_traffic(8, jnp.asarray(8 * 32768.0))
    tied, fair = (greedy_circuits(even, jnp.asarray(6.0), ties=ties) for ties in ("index", "remaining ports"))
    circuits = greedy_circuits(matrix, jnp.asarray(6.0))
    by_split = jax.grad(lambda d: split_time(d, circuits, ONE, jnp.asarray(2.0)))(matrix)
    by_pair = jax.grad(lambda d: pair_atomic_time(d, circuits, ONE, jnp.asarray(2.0)))(matrix)
    column, single = np.zeros((8, 8)), np.zeros((8, 8))
    column[1:, 0], single[3, 0] = 1 / 8, 1
    bound = busiest_load(matrix) / 8
    relaxed = relaxed_allocation(matrix, jnp.asarray(6.0), ONE, jnp.asarray(2.0))
    return [
        near("F28", "exact optimum, pairs whole, 6 optical ports", 10208, exact.time),
        Row("F28.proven", "the optimum is proven", "1", None, float(exact.optimal), 1, 1),
        Row("F28.circuits", "circuits of the optimum (at most 24)", "1", None, float(exact.circuits.sum() / 2), 0, 24),
        *allocation_rows(
            "F29", "uniform, ties by index", even, tied, 2.0,
            {"circuits": 21, "optical": 4096, "electrical": 14336, "atomic.ratio": 4.00, "split.ratio": 4.00},
        ),
        *allocation_rows(
            "F30", "uniform, ties by ports left", even, fair, 2.0,
            {"circuits": 24, "optical": 4096, "electrical": 2048, "atomic": 4096, "atomic.ratio": 1.143, "split": 3584},
        ),
        near("F31.split", "derivatives of the split time: largest off 1/8 in column 0", 0, jnp.abs(by_split - column).max(), 1e-9, "1"),
        near("F31.pair", "derivatives for whole pairs: largest off 1 at (3, 0)", 0, jnp.abs(by_pair - single).max(), 1e-9, "1"),
        Row("F31.relaxed", "best split time with real circuits, over the bound of any fabric", "x", None, float(relaxed.time / bound)),
    ]  # fmt: skip


def circuit_rows() -> list[Row]:
    """F20 to F31."""
    matrix = jnp.asarray(tokens())
    return [*matrix_rows(matrix), *greedy_rows(matrix), *better_rows(matrix)]
