"""How is a compiled program kept from one run to the next, so that it is neither traced nor compiled again?

JAX keeps what it has compiled, but traces a function to find out whether it has; for the whole
model that takes three times as long as to load the program. Here a program is found by a hash of
all that it is made of: the values that its function has in it, the shapes of its arguments, the
source of this package, versions, settings and the machine.
"""

import contextlib
import functools
import hashlib
import os
import pickle
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox
import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
from jax.experimental.serialize_executable import deserialize_and_load, serialize

from codesign.engine.source import source_hash

KEPT, DIGEST = 64, hashlib.sha256().digest_size
NEVER = 1e9
"""Seconds of compilation from which JAX keeps a program too: a copy of ours that it had could not be written again."""
Flat = Callable[..., list[jax.Array]]


class _Place:
    """Where programs are kept, and the code that was there then: nowhere, until a command says so, as a session may change functions."""

    folder: Path | None = None
    source = ""


def keep_in(folder: Path | None) -> None:
    """From now on programs are kept in this folder, made when needed; nowhere, if it is None, or where this package has no source."""
    _Place.source = source_hash()
    _Place.folder = folder if _Place.source else None


@functools.cache
def _processor() -> list[Any]:
    """What machine code is made for: the processor, and the cores that this process may use."""
    described: list[Any] = [platform.python_version(), platform.platform(), platform.node(), os.cpu_count()]
    with contextlib.suppress(OSError, AttributeError):  # other systems have neither
        described += [sorted(os.sched_getaffinity(0))]
        described += sorted({line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith(("flags", "Features"))})
    return described


def _surroundings() -> list[Any]:
    """All that a program depends on beside its function and arguments."""
    versions = [module.__version__ for module in (jax, jaxlib, equinox, np)]
    settings = [(name, str(getattr(jax.config, name, value))) for name, value in sorted(jax.config.values.items())]
    return [versions, settings, _processor(), [os.environ.get(name) for name in ("NPROC", "XLA_FLAGS")], _Place.source]


class Kept:
    """`function` of arrays, compiled and kept; `parts` (anything that can be pickled) determine what else is in it.

    Without a folder, on an accelerator or with several devices it is `jax.jit(function)`.
    """

    def __init__(self, function: Callable[..., Any], *parts: Any) -> None:
        self._function, self._parts = function, parts
        self._jitted = jax.jit(function)
        self._programs: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *arguments: Any) -> Any:
        """The value for arguments that are trees of arrays."""
        if _Place.folder is None or jax.default_backend() != "cpu" or jax.local_device_count() > 1:
            return self._jitted(*arguments)
        leaves, tree = jax.tree.flatten(arguments)
        signature = tree, jnp.result_type(float), *((leaf.shape, leaf.dtype) for leaf in leaves)
        if signature not in self._programs:
            self._programs[signature] = self._program(_Place.folder, tree, leaves)
        return self._programs[signature](leaves)

    def _program(self, folder: Path, tree: Any, leaves: list[Any]) -> Callable[[list[Any]], Any]:
        """The program for these shapes, as a function of leaves."""
        shapes = [(leaf.shape, str(leaf.dtype)) for leaf in leaves]
        try:
            parts = pickle.dumps((self._function.__module__, self._function.__qualname__, self._parts, shapes, str(tree), _surroundings()))
        except Exception:  # a user's own class may fail in any way; then nothing is kept
            return lambda leaves: self._jitted(*jax.tree.unflatten(tree, leaves))
        file = folder / f"{hashlib.sha256(parts).hexdigest()}.program"
        found = _read(file) or _made(self._function, file, tree, leaves)
        return lambda leaves: jax.tree.unflatten(found[1], found[0](*leaves))


def _loaded(packed: bytes) -> tuple[Flat, Any]:
    """A program and the structure of what it returns."""
    program, example = pickle.loads(packed)
    return deserialize_and_load(*program), jax.tree.structure(example)


def _read(file: Path) -> tuple[Flat, Any] | None:
    try:
        whole = file.read_bytes()
        with contextlib.suppress(OSError):
            file.touch()  # what is used stays
        return _loaded(whole[DIGEST:]) if hashlib.sha256(whole[DIGEST:]).digest() == whole[:DIGEST] else None
    except Exception:  # not there, cut short, or of another build: whatever it is, it is made again
        return None


def _made(function: Callable[..., Any], file: Path, tree: Any, leaves: list[Any]) -> tuple[Flat, Any]:
    """The program compiled; kept, where a loaded copy gives the same bits."""
    example: list[Any] = []

    def flat(*leaves: Any) -> list[Any]:
        found = function(*jax.tree.unflatten(tree, leaves))
        results, structure = jax.tree.flatten(found)
        example.append(jax.tree.unflatten(structure, range(len(results))))
        return results

    least = jax.config.values["jax_persistent_cache_min_compile_time_secs"]
    try:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", NEVER)
        compiled = jax.jit(flat).lower(*leaves).compile()
    finally:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
    with contextlib.suppress(Exception):  # a full disk, or a program that cannot be written: this run has it anyway
        _write(file, pickle.dumps((serialize(compiled), example[0])), compiled(*leaves), leaves)
    return compiled, jax.tree.structure(example[0])


def _write(file: Path, packed: bytes, wanted: list[jax.Array], leaves: list[Any]) -> None:
    again = _loaded(packed)[0](*leaves)
    if source_hash() != _Place.source or any(
        np.asarray(a).tobytes() != np.asarray(b).tobytes() for a, b in zip(wanted, again, strict=True)
    ):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        part.write_bytes(hashlib.sha256(packed).digest() + packed)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    for old in sorted(file.parent.glob("*.program"), key=lambda kept: kept.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)
