"""Does a pool hand out its worst boxes, and hold all others, whatever is added and taken?"""

import numpy as np
import pytest

from codesign.search.bound import Boxes
from codesign.search.pool import Pool

AS_USERS_COMPILE = True

DIMENSION = 2


def _boxes(generator: np.random.Generator, count: int) -> tuple[Boxes, np.ndarray]:
    low = generator.random((DIMENSION, count))
    return Boxes(generator.integers(0, 99, count), low, low + generator.random((DIMENSION, count))), generator.random(count)


def _rows(boxes: Boxes, excess: np.ndarray) -> set[tuple[float, ...]]:
    return set(zip(boxes.cell.tolist(), *boxes.low.tolist(), *boxes.high.tolist(), excess.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("most", [1, 50, 9000])
def test_a_pool_loses_nothing_and_gives_the_worst(seed, most):
    generator = np.random.default_rng(seed)
    first = _boxes(generator, 3)
    pool, held = Pool(*first), _rows(*first)
    for _ in range(30):
        more = _boxes(generator, int(generator.integers(0, most + 1)))
        pool.add(*more)
        held |= _rows(*more)
        places = pool.worst(int(generator.integers(0, most + 1)))
        taken = pool.taken(places)
        out = _rows(*taken)
        assert out <= held
        held -= out
        assert _rows(pool.boxes, pool.excess) == held
        assert taken[1].min(initial=1.0) >= pool.excess.max(initial=0.0)
