"""Is a unit of the program compiled once, and is only what is known to have no part in a result left out?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.performance.saving import always, apart, traced_once

AS_USERS_COMPILE = True

X = jnp.linspace(0.5, 2.0, 64)


def formula(x):
    return jnp.exp(-x) * x + 1


def users(function):
    """Two results of the same formula."""

    def both(x):
        y = function(x)
        return y * y + x, y - 3 * x

    return both


def compiled_text(function):
    return jax.jit(function).lower(X).compile().as_text()


def test_users_of_a_unit_call_it_once():
    assert compiled_text(users(apart(formula))).count(" call(") == 1
    assert " call(" not in compiled_text(users(formula))


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: f,
        jax.jit,
        jax.vmap,
        lambda f: jax.jit(jax.vmap(f)),
        lambda f: jax.jit(jax.vmap(jax.grad(lambda x: sum(f(x))))),
        lambda f: jax.vmap(jax.jit(jax.grad(lambda x: sum(f(x))))),
        lambda f: jax.jit(lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))),
    ],
    ids=["eager", "jit", "vmap", "jit of vmap", "jit of vmap of grad", "vmap of jit of grad", "jit of jvp"],
)
def test_a_unit_has_the_values_and_slopes_of_its_formula(transform):
    plain, unit = (jax.tree.leaves(transform(users(f))(X)) for f in (formula, apart(formula)))
    for a, b in zip(plain, unit, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-14)


def test_what_is_traced_once_is_copied():
    seen = []

    @traced_once("narrow")
    def noted(x, y, narrow=1.0):
        seen.append(narrow)
        return x * narrow + jnp.sin(y) if narrow else y

    def both(x):
        return noted(x, x) + noted(x + 1, 2 * x) + noted(x, x, narrow=0.0)

    expected = both(X)
    assert seen == [1.0, 1.0, 0.0], "done, not written down"
    seen.clear()
    np.testing.assert_allclose(jax.jit(both)(X), expected, rtol=1e-14)
    assert seen == [1.0, 0.0]
    np.testing.assert_allclose(jax.vmap(jax.grad(both))(X), 2 + jnp.cos(X) + 2 * jnp.cos(2 * X) + 1, rtol=1e-14)
    assert " call(" not in jax.jit(both).lower(X).compile().as_text()


def test_units_stand_in_units_and_close_over_what_is_traced():
    inner = apart(lambda x, y: x * y)

    def outer(x):
        return apart(lambda y: inner(x, y) + y)(x + 1)

    np.testing.assert_allclose(jax.jit(outer)(X), X * (X + 1) + X + 1, rtol=1e-14)


@pytest.mark.parametrize(("value", "known"), [(0.0, True), ([0.0, 0.0], True), (1.0, False), ([0.0, 1e-300], False), (float("nan"), False)])
def test_a_constant_is_known(value, known):
    constant = jnp.asarray(value)
    assert always(constant, 0.0) is known
    assert jax.jit(lambda x: x + always(constant, 0.0))(1.0) == 1.0 + known, "a constant of a traced function is known too"


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, jax.grad], ids=["jit", "vmap", "grad"])
def test_what_is_traced_is_never_known(transform):
    seen = []

    def function(x):
        seen.append(always(x, 0.0))
        return x * 1.0

    transform(function)(jnp.zeros(3) if transform is jax.vmap else jnp.zeros(()))
    assert seen == [False]
