"""How much may a search spend, and what does a unit of it report while it works?"""

from typing import NamedTuple

from codesign.search.archive import Archive


class Budget(NamedTuple):
    """How much is spent at most: cycles (`rounds`), units of a wide round, generations of a unit; `descents` of `lanes` starts.

    `breadth` is the number of units of a mutation while each cycle gains much: one, so that every
    generation stands on the last, or more for many workers. `seconds` ends the search of one
    process (0: never), at the cost of repeating bit for bit.
    """

    seed: int
    rounds: int = 60
    units: int = 4
    breadth: int = 1
    generations: int = 4
    descents: int = 0
    directions: int = 96
    lanes: int = 4096
    seconds: int = 0


class Report(NamedTuple):
    """What a unit that is being done has so far: its stage, its archive, and designs judged by it."""

    stage: str
    archive: Archive
    evaluations: int
