"""How are workers on this machine begun, begun again when they die, and ended with this process?"""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

PAUSE = 0.2
ENVIRONMENT = {
    "NPROC": "1",  # the threads of XLA on a CPU, which its flags do not limit
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DASK_LOGGING__DISTRIBUTED": "critical",
}


@contextlib.contextmanager
def own_workers(address: str, count: int) -> Iterator[None]:
    """`count` processes that work for the scheduler at `address`, each on one core; a dead one is replaced at once.

    An interrupt from the keyboard does not reach them, and they end when this process does,
    however it ends.
    """
    ended = threading.Event()
    keeper = threading.Thread(target=_keep_alive, args=(address, count, ended), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def _keep_alive(address: str, count: int, ended: threading.Event) -> None:
    workers: list[subprocess.Popen[bytes]] = []
    while not ended.is_set():
        dead = [worker for worker in workers if worker.poll() is not None]
        _end(dead)
        workers = [worker for worker in workers if worker not in dead]
        with contextlib.suppress(OSError):  # no memory now, perhaps later
            while len(workers) < count:
                workers.append(_begun(address))
        ended.wait(PAUSE)
    _end(workers)


def _end(workers: list[subprocess.Popen[bytes]]) -> None:
    for worker in workers:
        worker.kill()
    for worker in workers:
        worker.communicate()


def _begun(address: str) -> subprocess.Popen[bytes]:
    environment = os.environ | ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
    command = [sys.executable, "-m", "codesign.engine.worker_process", address]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
