"""How does one process alone use a run folder?"""

import contextlib
import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.engine.trouble import writing

WHAT = "the lock of the run"
NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
_HELD: set[Path] = set()
"""Folders that this process holds: a command holds its own for longer than the search in it does."""


@contextlib.contextmanager
def locked(folder: Path, advice: str = "or choose another --out") -> Iterator[None]:
    """Hold the folder's lock; the kernel gives it back when the process dies, however it dies.

    Raises `ConfigError` naming the process that holds it. On a file system without locks nothing keeps two processes apart.
    """
    own = folder.resolve()
    if own in _HELD:
        yield
        return
    with contextlib.closing(_taken(folder, advice)) as file:
        _HELD.add(own)
        try:
            with writing(folder / "lock", WHAT):
                file.truncate(0)
                file.write(f"process {os.getpid()} since {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode())
            yield
        finally:
            _HELD.discard(own)
            with contextlib.suppress(OSError):
                (folder / "lock").unlink()


def _taken(folder: Path, advice: str) -> BinaryIO:
    """The open, locked file that is at the lock's place: one that its holder has removed meanwhile is not."""
    path = folder / "lock"
    while True:
        with writing(path, WHAT):
            file = path.open("a+b", buffering=0)
            held = _lock(file)
        if not held:
            with file:
                file.seek(0)
                holder = file.read().decode().strip() or "another process"
            text = f"in use by {holder}; wait until it ends" + (f", {advice}" if advice else "")
            raise ConfigError([Problem(shown_path(folder), 0, "", text)])
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        file.close()


def _lock(file: BinaryIO) -> bool:
    """False where another process has it."""
    try:
        import fcntl
    except ImportError:  # a system without such locks
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
    return True
