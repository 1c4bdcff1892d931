"""What is a worker of this machine: a process that works for one scheduler until whoever began it is gone?"""

import asyncio
import os
import sys
import threading

import codesign.engine.worker  # noqa: F401 - so that the first unit does not wait for it


def _end_with_parent() -> None:
    """The other end of the standard input is closed when the process that holds it dies, however it dies."""
    sys.stdin.buffer.read()
    os._exit(0)


async def _serve(address: str) -> None:
    import distributed

    async with distributed.Worker(address, nthreads=1, memory_limit=0, dashboard=False) as worker:
        await worker.finished()


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(sys.argv[1]))
