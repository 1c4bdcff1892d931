"""How does one process alone use a run folder?"""

import contextlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.engine.trouble import writing


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel gives it back when the process dies, however it dies.

    Raises `ConfigError` naming the process that holds it.
    """
    import fcntl

    path = folder / "lock"
    with contextlib.ExitStack() as stack:
        with writing(path, "the lock of the run"):
            file = stack.enter_context(path.open("a+b", buffering=0))
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().decode().strip() or "another process"
            text = f"in use by {holder}; wait until it ends, or choose another --out"
            raise ConfigError([Problem(shown_path(folder), 0, "--out", text)]) from None
        with writing(path, "the lock of the run"):
            file.truncate(0)
            file.write(f"process {os.getpid()} since {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode())
        yield
