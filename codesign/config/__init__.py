"""How do TOML files become typed designs, workloads and studies? Nothing below this door opens a file."""

from codesign.config.load import Loaded, load_design, load_family, load_study, load_system, load_workload, load_workload_named
from codesign.config.problems import ConfigError, Problem
from codesign.config.workloads import workload_names

__all__ = [
    "ConfigError",
    "Loaded",
    "Problem",
    "load_design",
    "load_family",
    "load_study",
    "load_system",
    "load_workload",
    "load_workload_named",
    "workload_names",
]
