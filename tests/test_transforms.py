"""Is the model the same number eagerly, compiled, batched and in half the precision?"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import BASES, POINTS, STRUCTURES

from codesign import tree
from codesign.evaluate import evaluate
from codesign.workload.parameters import active_parameters, total_parameters

TRACES: list[object] = []


@jax.jit
def compiled(design, workload):
    """`evaluate`, which leaves a mark whenever it is traced."""
    TRACES.append(jax.tree.structure((design, workload)))
    return evaluate(design, workload)


def _close(left, right, rtol=1e-12):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=0)


@pytest.mark.parametrize("name", POINTS)
def test_eager_is_compiled(name):
    base = cases.point(name)
    eager = evaluate(*base)
    assert np.isfinite(jax.tree.leaves(eager)).all()
    _close(eager, compiled(*base))


@pytest.mark.parametrize("name", BASES)
def test_batched_is_one_by_one(name):
    base = cases.point(name)
    eager = evaluate(*base)
    slower = cases.multiplied(base, scale_up=0.5, memory=0.9)
    batch = jax.vmap(evaluate)(*tree.stack([slower, base]))
    _close(eager, tree.take(batch, 1))
    _close(evaluate(*slower), tree.take(batch, 0))


def test_other_values_are_never_traced_again():
    structures = {jax.tree.structure(cases.point(name)) for name in POINTS}
    for name in POINTS:
        base = cases.point(name)
        compiled(*base)
        compiled(*cases.mapped(cases.multiplied(base, scale_up=2), micro_batch=2))
    assert len(TRACES) == len(structures)
    assert set(TRACES) == structures


def test_designs_of_mixed_structure_keep_their_order():
    workloads = [cases.workload(name) for name in STRUCTURES] * 2
    assert len({jax.tree.structure(w) for w in workloads}) > 1

    def sizes(w):
        return {"total": total_parameters(w.model), "active": active_parameters(w.model)}

    batch = tree.evaluate_all(sizes, workloads)
    expected = [sizes(w) for w in workloads]
    assert len({float(e["total"]) for e in expected}) == len(STRUCTURES)
    for name in ("total", "active"):
        np.testing.assert_allclose(batch[name], [e[name] for e in expected], rtol=1e-14)


def test_stack_and_take_are_inverse():
    workloads = [cases.workload(name) for name in ("mixtral_8x7b", "gpt3_175b", "qwen3_235b_a22b")]
    stacked = tree.stack(workloads)
    _close(tree.take(stacked, 2), workloads[2], rtol=0)
    _close(tree.take(stacked, jnp.array([2, 0])), tree.stack([workloads[2], workloads[0]]), rtol=0)
