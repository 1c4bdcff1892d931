"""Switches for every test, and the cases that families run over."""

import atexit
import gc
import os
import shutil
import tempfile
from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "standard")

SHARED = "CODESIGN_TEST_PROGRAMS"
"""Programs compiled by one worker of a run are there for the others, in a folder that is gone when the run is."""
if SHARED not in os.environ:
    os.environ[SHARED] = tempfile.mkdtemp(prefix="codesign-tests-")
    atexit.register(shutil.rmtree, os.environ[SHARED], ignore_errors=True)
jax.config.update("jax_compilation_cache_dir", os.environ[SHARED])
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)

QUICKLY = "jax_disable_most_optimizations"
"""Compiled in less time than tests spend in slower programs; a file that is about rounding says AS_USERS_COMPILE."""


@pytest.fixture(autouse=True, scope="module")
def _compiled(request):
    jax.config.update(QUICKLY, not getattr(request.module, "AS_USERS_COMPILE", False))


@pytest.fixture(autouse=True)
def _nothing_is_kept(monkeypatch):
    """A test may replace functions of the model, which a program that was kept would not know."""
    monkeypatch.setattr("codesign.engine.programs.keep_in", lambda _: None)


def pytest_collection_finish():
    """What was imported is no garbage, and looking for it slows tracing by a fifth."""
    gc.collect()
    gc.freeze()


ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"


@pytest.fixture(scope="session")
def configs() -> Path:
    """The shipped configuration folder."""
    return CONFIGS
