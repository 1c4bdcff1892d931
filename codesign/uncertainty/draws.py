"""Which values may a constant have, and which are drawn?

A constant lies with equal chance below and above its default, and evenly (in its logarithm)
between default and low, and between default and high: the least that a range with a median
says. A constant whose low is zero or negative is spread evenly in its value instead. A side
without a range stays at the default. Constants are independent of one another.
"""

import contextlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

DISTRIBUTION = "log-uniform on either side of the default, which is the median; even in the value where low is zero or negative"


class Constant(NamedTuple):
    """One number with a range, all SI, `unit` for display; `paths` are the places in designs where it stands."""

    name: str
    unit: str
    low: float
    default: float
    high: float
    source: str
    paths: tuple[str, ...] = ()

    @property
    def in_logs(self) -> bool:
        """Is it spread evenly in its logarithm?"""
        return self.low > 0

    @property
    def spread(self) -> float:
        """Standard deviation of its logarithm, or of the value itself where that is spread evenly.

        With a = z(default) - z(low), b = z(high) - z(default): variance (a^2 + b^2) / 6 - ((b - a) / 4)^2.
        """
        low, default, high = _scaled(self)
        below, above = default - low, high - default
        return float(np.sqrt((below**2 + above**2) / 6 - ((above - below) / 4) ** 2))


def _scaled(constant: Constant) -> np.ndarray:
    numbers = np.array([constant.low, constant.default, constant.high])
    return np.log(numbers) if constant.in_logs else numbers


def scaled(constants: Sequence[Constant], table: np.ndarray) -> np.ndarray:
    """Values (constants, draws) as they are spread: their logarithms, or themselves."""
    return np.stack([np.log(row) if constant.in_logs else row for row, constant in zip(table, constants, strict=True)])


def value_at(constant: Constant, quantile: np.ndarray) -> np.ndarray:
    """The value below which the constant lies with that chance.

    >>> value_at(Constant("price", "$", 1.0, 2.0, 8.0, ""), np.array([0.0, 0.25, 0.5, 0.75, 1.0])).round(3).tolist()
    [1.0, 1.414, 2.0, 4.0, 8.0]
    """
    found = np.interp(quantile, [0.0, 0.5, 1.0], _scaled(constant))
    return np.exp(found) if constant.in_logs else found


def latin_hypercube(dimensions: int, draws: int, seed: int) -> np.ndarray:
    """Quantiles (dimensions, draws): of `draws` equal slices of every dimension each is met once.

    The order in which they are met is chosen so that dimensions are nearly uncorrelated
    (Iman and Conover's rotation of ranks), if there are more draws than dimensions.
    """
    generator = np.random.default_rng(seed)
    slices = generator.permuted(np.tile(np.arange(draws), (dimensions, 1)), axis=1)
    if 1 < dimensions < draws - 1:
        with contextlib.suppress(np.linalg.LinAlgError):  # of few draws two dimensions may be met in one order
            turned = np.linalg.solve(np.linalg.cholesky(np.corrcoef(slices)), slices - (draws - 1) / 2)
            slices = turned.argsort(axis=1).argsort(axis=1)
    return (slices + generator.random((dimensions, draws))) / draws


def drawn(constants: Sequence[Constant], draws: int, seed: int) -> np.ndarray:
    """Values (constants, draws)."""
    quantiles = latin_hypercube(len(constants), draws, seed)
    return np.stack([value_at(constant, row) for constant, row in zip(constants, quantiles, strict=True)])
