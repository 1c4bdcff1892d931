"""How long does a matrix product run on dies that are systolic arrays?

Weight stationary: an array holds R x C weights while tokens stream through and the next weights are loaded behind them,

    cycles = ceil(K / R) ceil(N / C) s + R + C,    compute = 2 R C x matrices x cycles / rate,

with depth K, columns N and s tokens streamed per tile of weights: max(m, R) of m tokens, as loading takes R cycles, and
R E[ceil(m / R)] where m is drawn by routing and tokens come in tiles of R. Arrays that reshape take the fastest of R' = R,
R/2, R/4 ... 1 rows and as many cells. Arrays share tiles evenly. Ignored: the feed of wide shapes, the time of reshaping.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.performance.matrix import Gemm
from codesign.performance.roofline import Engine, SystolicArray
from codesign.performance.systolic_array import HALVINGS, array_cycles
from codesign.performance.tile_count import smooth_tiles


def drawn_tiles(gemm: Gemm, held: Scalar, rows: Scalar) -> Scalar:
    """Tiles of `rows` tokens per matrix that is touched, of `held` whose tokens are Poisson's: at least one, and m / R of them."""
    touched = jnp.maximum(gemm.matrices, 1e-30)
    mean = gemm.rows * gemm.matrices / jnp.maximum(held, 1e-30)
    expected = jnp.minimum(smooth_tiles(mean, rows), mean) * held / touched
    return jnp.maximum(jnp.maximum(expected, gemm.rows / rows), 1.0)


def array_compute_time(gemm: Gemm, device: Engine, array: SystolicArray, rate: Scalar, held: Scalar | None) -> Scalar:
    """Seconds that the arrays are busy with one product at the matrix rate `rate`; with kernel detail off those of its FLOPs.

    `held` matrices get their rows by chance, `None` where all rows meet all of them.
    """
    halved = 2.0 ** jnp.arange(HALVINGS + 1)
    allowed = jnp.where(array.reshapes[..., None] > 0, halved <= array.rows[..., None], halved < 2)
    shape_rows = jnp.maximum(array.rows[..., None] / halved, 1.0)
    shape_columns = jnp.maximum(array.columns[..., None], 1.0) * halved
    wide = Gemm(*(jnp.asarray(size)[..., None] for size in gemm))
    tokens = wide.rows if held is None else shape_rows * drawn_tiles(wide, held[..., None], shape_rows)
    cycles = array_cycles(tokens, wide.depth, wide.columns, shape_rows, shape_columns)
    fastest = jnp.min(jnp.where(allowed, cycles, jnp.inf), axis=-1)
    busy = gemm.matrices * fastest * jnp.maximum(array.rows, 1.0) * jnp.maximum(array.columns, 1.0)
    return 2 * (device.detail * busy + (1 - device.detail) * gemm.matrices * gemm.rows * gemm.depth * gemm.columns) / rate
