"""How often per second does a compiled function return: median after a first call, which compiles and is timed apart?"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np


def rate(function: Callable[[], Any], count: int, repeats: int) -> tuple[float, float]:
    """Designs per second, `count` to a call, as the median over the repeats; and the seconds of the first call."""
    import jax

    seconds = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        jax.block_until_ready(function())
        seconds.append(time.perf_counter() - start)
    return count / float(np.median(seconds[1:])), seconds[0]
