"""What does a search know between rounds: named arrays that can be kept in a file?"""

import numpy as np

from codesign.pareto import hypervolume, thin
from codesign.search.archive import Archive, Population, Scale, empty_archive, empty_population

State = dict[str, np.ndarray]

VOLUME_POINTS = 400


def packed(name: str, archive: Archive) -> State:
    """An archive as named arrays."""
    return {f"{name}.{key}": array for key, array in archive._asdict().items()}


def unpacked(name: str, state: State) -> Archive:
    """The archive of that name."""
    return Archive(*(state[f"{name}.{key}"] for key in Archive._fields))


def population_of(state: State) -> Population:
    """Archive and near designs of a state or shard."""
    return Population(unpacked("archive", state), unpacked("near", state), state["lacks"])


def state_of(population: Population) -> State:
    """A population as named arrays."""
    return packed("archive", population.archive) | packed("near", population.near) | {"lacks": population.lacks}


def scale_of(state: State) -> Scale:
    """Zero and unit of the scaled log objectives of a state."""
    return Scale(state["low"], state["span"])


def scale_between(found: tuple[np.ndarray, np.ndarray]) -> Scale:
    """Zero at the ideal, one at the nadir."""
    return Scale(found[0], np.maximum(found[1] - found[0], 1e-6))


def scaled_volume(archive: Archive, scale: Scale) -> float:
    """Hypervolume up to a tenth beyond the unit box; of a spread of points where there are more than three objectives."""
    if not archive.size:
        return 0.0
    points = ((archive.objectives - scale.low[:, None]) / scale.span[:, None]).T
    chosen = points[thin(points, VOLUME_POINTS)] if points.shape[1] > 3 else points
    return hypervolume(chosen, np.full(points.shape[1], 1.1))


def nothing_found(low: np.ndarray, objectives: int) -> State:
    """The state before a search; `low` (d,) are the least values."""
    nothing = state_of(empty_population(len(low), objectives))
    relaxed = packed("relaxed", empty_archive(len(low), objectives))
    counts = {name: np.array(0) for name in ("round", "cycle", "idle", "descents", "evaluations", "gradients", "good", "sampled")}
    scale = {
        "low": np.zeros(objectives),
        "span": np.ones(objectives),
        "high": np.ones(objectives),
        "anchored": np.array(False),
    }
    nearest = {"nearest.x": low.astype(float), "nearest.cell": np.array(0), "nearest.over": np.array(np.inf)}
    more = {"stage": np.array("sampling"), "volume": np.array(0.0), "seen": np.zeros(0, np.uint64)}
    return nothing | relaxed | counts | scale | nearest | more
