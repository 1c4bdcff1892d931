"""Which orders of the blocks describe a packing, and which packing?

A sequence pair (Murata et al. 1996, DOI 10.1109/43.552084): a block that precedes another in both orders stands left of it,
one that follows it in the first order alone stands below it. Every pair is separated, so that packing to the left
and to the bottom (longest paths) never overlaps, and some pair of orders gives a packing of least area.
Ranks `first`, `second` (n, s) of n blocks in s packings are whole numbers; padding has sides of zero.
"""

import jax
import jax.numpy as jnp

from codesign.fields import Scalar


def packed(first: Scalar, second: Scalar, width: Scalar, height: Scalar) -> tuple[Scalar, Scalar]:
    """Right and top edges (n, s) of the blocks of s packings towards the origin; n steps of O(n)."""
    index = jnp.arange(first.shape[0], dtype=second.dtype)[:, None]
    turn = jnp.zeros_like(second).at[second, jnp.arange(first.shape[1])].set(index, unique_indices=True)  # blocks by second rank
    own, wide, high = (jnp.take_along_axis(part, turn, 0) for part in (first, width, height))

    def step(rank: Scalar, edges: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
        right, top = edges  # zero for blocks whose turn has not come
        left = jnp.where(own < own[rank], right, 0.0).max(0) + wide[rank]
        bottom = jnp.where(own > own[rank], top, 0.0).max(0) + high[rank]
        return right.at[rank].set(left), top.at[rank].set(bottom)

    right, top = jax.lax.fori_loop(0, first.shape[0], step, (jnp.zeros_like(width), jnp.zeros_like(height)))
    return jnp.take_along_axis(right, second, 0), jnp.take_along_axis(top, second, 0)


def _ranks(before: Scalar, real: Scalar) -> Scalar:
    """Ranks by how many others a block precedes; exact for a total order. Padding comes last."""
    wins = jnp.where(real, (before & real).sum(-1), -1)
    return jnp.argsort(jnp.argsort(-wins, stable=True), stable=True).astype(jnp.int32)


def orders_of(centres: Scalar, width: Scalar, height: Scalar) -> tuple[Scalar, Scalar]:
    """Ranks (n,) in both orders from centres (n, 2) that may overlap; each pair is told apart along its wider gap."""
    x, y = centres[:, 0], centres[:, 1]
    across, along = x[None, :] - x[:, None], y[None, :] - y[:, None]  # positive where the second stands right, above
    wider = jnp.abs(across) - (width[:, None] + width) / 2 >= jnp.abs(along) - (height[:, None] + height) / 2
    earlier = jnp.arange(x.shape[0])[:, None] < jnp.arange(x.shape[0])
    left, below = (across > 0) | ((across == 0) & earlier), (along > 0) | ((along == 0) & earlier)
    real = width > 0
    return _ranks(jnp.where(wider, left, ~below), real), _ranks(jnp.where(wider, left, below), real)
