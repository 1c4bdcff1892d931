"""What packages would a designer ask to be placed?

Dies of several sizes, memory stacks and input-output dies beside them, optical engines behind those, and traffic to match.
"""

from typing import NamedTuple

import numpy as np

from codesign.physical.arrangement import arrangement
from codesign.physical.blocks import Blocks, Nets, outline


class Instance(NamedTuple):
    """A package to be placed: its plain arrangement, nets [B/s], kinds, largest outline and least gap [m]."""

    blocks: Blocks
    nets: Nets
    kinds: tuple[str, ...]
    outline: tuple[float, float]
    gap: float


SIDES = {
    "memory": ((7.75, 13.0), (9.0, 12.0)),
    "io": ((4.0, 12.0), (4.0, 9.0)),
    "optics": ((3.0, 8.0), (3.0, 7.0)),
    "fibre": ((3, 8), (2, 4)),
}
"""Least and largest width and height [mm]."""


def _sides(draw: np.random.Generator, kind: str) -> tuple[float, float]:
    if kind == "die":
        return draw.uniform(8, 26), draw.uniform(8, 33)
    (w0, w1), (h0, h1) = SIDES[kind]
    return draw.uniform(w0, w1), draw.uniform(h0, h1)


def _kinds(draw: np.random.Generator, blocks: int) -> list[str]:
    dies = int(draw.integers(2, max(3, min(16, blocks // 2) + 1)))
    others = draw.choice(["memory", "memory", "memory", "io", "optics"], blocks - dies)
    return ["die"] * dies + sorted(others, key=["memory", "io", "optics"].index)


def _nets(draw: np.random.Generator, kinds: list[str]) -> tuple[list[tuple[int, int, float]], np.ndarray]:
    """Nets (first, second, TB/s), and the die that every block belongs to."""
    dies, nets = kinds.count("die"), []
    home = np.array([i if k == "die" else int(draw.integers(dies)) for i, k in enumerate(kinds)])
    for i in range(1, dies):
        nets.append((i, int(draw.integers(max(0, i - 3), i)), draw.uniform(0.5, 2)))
        if draw.random() < 0.4 and dies > 2:
            nets.append((i, int((i + 1 + draw.integers(dies - 1)) % dies), draw.uniform(0.1, 1)))
    ports = [i for i, k in enumerate(kinds) if k == "io"]
    for i, kind in enumerate(kinds):
        if kind == "memory":
            nets.append((i, int(home[i]), draw.uniform(1, 2)))
        elif kind == "io":
            nets.append((i, int(home[i]), draw.uniform(0.2, 1)))
        elif kind == "optics":
            nets.append((i, int(draw.choice(ports)) if ports and draw.random() < 0.6 else int(home[i]), draw.uniform(0.2, 1)))
    return nets, home


def random_instance(seed: int, blocks: int) -> Instance:
    """A package of `blocks` rectangles; equal seeds give equal packages."""
    draw = np.random.default_rng([seed, blocks])
    kinds = _kinds(draw, blocks)
    nets, home = _nets(draw, kinds)
    sort = sorted(range(blocks), key=lambda i: (kinds[i] != "die", kinds[i], home[i]))  # stacks in the order of their dies
    place = {old: new for new, old in enumerate(sort)}
    model = {kind: [_sides(draw, kind) for _ in range(2 if kind == "die" else 1)] for kind in ("die", *SIDES)}
    names = tuple(str(kinds[i]) for i in sort)
    sides = np.array([model[k][int(draw.integers(len(model[k])))] if draw.random() < 0.7 else _sides(draw, k) for k in names]) * 1e-3
    density = np.array([{"die": draw.uniform(0.3, 1.0), "memory": 0.25, "io": 0.3, "optics": 0.2}[k] for k in names]) * 1e6
    gap = float(draw.choice([0.1, 0.5])) * 1e-3
    start = arrangement(names, sides[:, 0], sides[:, 1], density * sides.prod(1), gap)
    left, bottom, right, top = (float(side) for side in outline(start))
    room = draw.uniform(1.0, 1.15, 2)
    first, second, weight = zip(*[(place[a], place[b], w * 1e12) for a, b, w in nets], strict=True)
    joined = Nets(np.array(first), np.array(second), np.array(weight))
    return Instance(start, joined, names, ((right - left) * room[0], (top - bottom) * room[1]), gap)
