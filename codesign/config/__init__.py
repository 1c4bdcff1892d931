"""How do TOML files become typed designs, workloads and studies? Nothing below this door opens a file."""

from codesign.config.load import Loaded, load_design, load_study, load_system, load_workload
from codesign.config.problems import ConfigError, Problem

__all__ = ["ConfigError", "Loaded", "Problem", "load_design", "load_study", "load_system", "load_workload"]
