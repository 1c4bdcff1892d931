"""Switches for every test, and the cases that families run over."""

from pathlib import Path

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "standard")

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"


@pytest.fixture(scope="session")
def configs() -> Path:
    """The shipped configuration folder."""
    return CONFIGS
