"""Which arrays pass between rounds, so that they are the same bits wherever they were made?"""

import hashlib

import numpy as np

from codesign.engine.work import State

KINDS = "biufcSU"


def settled(arrays: State) -> State:
    """The same arrays in one layout, aligned, in row order and read-only.

    A sum over an array may depend on its layout, and layouts change on the way through a
    file or a network. Raises `TypeError` for an array that a file does not keep exactly.

    >>> settled({"x": np.eye(2, order="F")})["x"].flags.c_contiguous
    True
    """
    return {name: _settled(name, array) for name, array in arrays.items()}


def _settled(name: str, array: np.ndarray) -> np.ndarray:
    whole = np.require(array, requirements=("C_CONTIGUOUS", "ALIGNED"))
    if whole.dtype.kind not in KINDS:
        raise TypeError(f"array '{name}' is of {whole.dtype}, which files do not keep exactly")
    view = whole.view()
    view.flags.writeable = False
    return view


def checksum(arrays: State) -> str:
    """SHA-256 over names, types, shapes and bytes, in the order of the names."""
    found = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        found.update(f"{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(array.tobytes())
    return found.hexdigest()
