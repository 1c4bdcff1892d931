"""What ends a run through no fault of its input, and how is it told?"""

import contextlib
import errno
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path


class EngineError(Exception):
    """The disk, a worker or the cluster failed; what was finished is kept and the run can be resumed."""


def _reason(path: Path, error: OSError | sqlite3.Error) -> str:
    full, quota = "the disk is full", "the disk quota is used up"
    if isinstance(error, sqlite3.Error):  # sqlite has several words for a full disk
        return full if shutil.disk_usage(path.parent).free == 0 else str(error)
    return {errno.ENOSPC: full, errno.EDQUOT: quota}.get(error.errno or 0, error.strerror or str(error))


@contextlib.contextmanager
def writing(path: Path, what: str, then: str = "all that was finished before is kept; continue with --resume") -> Iterator[None]:
    """Turns a failure to write `path` into an `EngineError` that says what was being written, why it failed, and what then."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        from codesign.config.problems import shown_path  # imports all of config, which a worker need not

        raise EngineError(f"{shown_path(path)}: {_reason(path, error)}; {what} could not be written ({then})") from error
