"""By which factor may a design that is known only by bounds be better than every design of a front?

All objectives are logarithms, smaller is better. The region that no front point dominates is
the union of {y < u} over its corners u (the local upper bounds of the front). A box of
designs is known by lower bounds L_w of weighted sums w . y, for weights w >= 0 that add up
to 1. A design of it can lie in {y < u - t} only if L_w < w . u - t for every w, so that

    excess = max over u of min over w of (w . u - L_w)

bounds log(1 + eps): shifted by it the front dominates all that the box may hold. Weighted
sums matter because trade-offs cancel in them: along a front the box that is good in one
objective is bad in another, and a bound of each objective alone does not see it.
"""

import itertools

import numpy as np

SHARES = {1: 1, 2: 6, 3: 3, 4: 2}
"""Into how many parts a weight is divided, by the number of objectives."""
CLUSTER = 48
SLACK = 1e-5
"""Allowed for single precision, where logarithms are counted from the best of the front."""
SINGLE = 4e-7
"""The same for large numbers, as a share of them."""


def weights(objectives: int) -> np.ndarray:
    """Weight vectors (w, o): a grid of the simplex, the single objectives among them.

    >>> weights(2).shape
    (7, 2)
    """
    parts = SHARES.get(objectives, 2)
    grid = [c for c in itertools.product(range(parts + 1), repeat=objectives) if sum(c) == parts]
    return np.array(grid, dtype=float) / parts


def upper_corners(points: np.ndarray) -> np.ndarray:
    """The corners (o, k) of the region that points (o, m) leave undominated; infinite where nothing bounds it."""
    corners = np.full((len(points), 1), np.inf)
    for point in points[:, np.argsort(points.sum(axis=0), kind="stable")].T:
        hit = np.all(point[:, None] < corners, axis=0)
        if hit.any():
            rest = corners[:, ~hit]
            corners = np.concatenate([rest, _largest(_cut(corners[:, hit], point), rest)], axis=1)
    return corners


def _cut(corners: np.ndarray, point: np.ndarray) -> np.ndarray:
    """What remains of corners above a point: each, with one objective lowered to the point's."""
    parts = []
    for objective, value in enumerate(point):
        lowered = corners.copy()
        lowered[objective] = value
        parts.append(lowered)
    return np.unique(np.concatenate(parts, axis=1), axis=1)


def _largest(new: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """The new corners that lie inside no other."""
    everything = np.concatenate([rest, new], axis=1)
    inside = np.zeros(new.shape[1], dtype=bool)
    for number in range(new.shape[1]):
        larger = np.all(everything >= new[:, number : number + 1], axis=0)
        larger[rest.shape[1] + number] = False
        inside[number] = larger.any()
    return new[:, ~inside]


def _clusters(corners: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    """Corners that lie near each other, by halving along the longest side."""
    if len(index) <= CLUSTER:
        return [index]
    finite = np.where(np.isfinite(corners[:, index]), corners[:, index], 1e3)
    order = index[np.argsort(finite[np.argmax(np.ptp(finite, axis=1))], kind="stable")]
    return _clusters(corners, order[: len(order) // 2]) + _clusters(corners, order[len(order) // 2 :])


class Cover:
    """A front, prepared for the question above; `points` (o, m)."""

    def __init__(self, points: np.ndarray) -> None:
        self.best = points.min(axis=1)
        self.weights = weights(len(points))
        corners = upper_corners(points - self.best[:, None])
        groups = _clusters(corners, np.arange(corners.shape[1]))
        parts = np.where(self.weights[:, :, None] > 0, self.weights[:, :, None] * np.where(self.weights[:, :, None] > 0, corners, 0.0), 0.0)
        sums = (parts.sum(axis=1) * (1 + SINGLE)).astype(np.float32)
        self.groups = [(corners[:, group].max(axis=1), sums[:, group]) for group in groups]
        self.single = np.argmax(self.weights, axis=0)

    def excess(self, bounds: np.ndarray, floor: float) -> np.ndarray:
        """log(1 + eps), at least `floor`, for boxes with weighted bounds (w, n); infinite where a bound is."""
        shifted = np.where(np.isnan(bounds), -np.inf, bounds) - (self.weights @ self.best)[:, None]
        result = np.full(bounds.shape[1], floor)
        with np.errstate(invalid="ignore", over="ignore"):
            shifted = (shifted - SLACK - SINGLE * np.abs(shifted)).astype(np.float32)
            single = shifted[self.single]
            for highest, sums in self.groups:
                near = np.flatnonzero(np.all(single + result < highest[:, None], axis=0))
                if len(near):
                    gaps = np.full((len(near), sums.shape[1]), np.inf, dtype=np.float32)
                    for weighted, row in zip(shifted[:, near], sums, strict=True):
                        np.minimum(gaps, row - weighted[:, None], out=gaps)
                    result[near] = np.maximum(result[near], gaps.max(axis=1))
        return np.where(np.isnan(result), np.inf, result)
