"""What can be minimised or maximised? One row per objective over `Metrics`."""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.metrics import Metrics


class Objective(NamedTuple):
    """A metric and its sense: +1 is minimised, -1 maximised."""

    metric: str
    sense: int
    label: str


OBJECTIVES = {
    row.metric: row
    for row in (
        Objective("time_to_train", +1, "time to train"),
        Objective("step_time", +1, "step time"),
        Objective("energy_to_train", +1, "energy to train"),
        Objective("energy_per_step", +1, "energy per step"),
        Objective("capital_cost", +1, "capital cost"),
        Objective("manufacturing_cost", +1, "cluster cost at manufacturing cost"),
        Objective("network_cost", +1, "network cost"),
        Objective("network_power", +1, "network power"),
        Objective("fabric_cost", +1, "fabric cost"),
        Objective("fabric_power", +1, "fabric power"),
        Objective("package_cost", +1, "package manufacturing cost"),
        Objective("package_area", +1, "package area"),
        Objective("package_power", +1, "package power"),
        Objective("facility_power", +1, "facility power"),
        Objective("tokens_per_second", -1, "tokens per second and device"),
        Objective("model_utilisation", -1, "model FLOP utilisation"),
        Objective("time_per_output_token", +1, "time per output token"),
        Objective("time_to_first_token", +1, "time to first token"),
        Objective("energy_per_output_token", +1, "energy per output token"),
        Objective("serving_power", +1, "power while serving"),
        Objective("output_tokens_per_second", -1, "output tokens per second and device"),
        Objective("decode_tokens_per_second", -1, "output tokens per second and decode device"),
        Objective("prefill_tokens_per_second", -1, "prompt tokens per second and prefill device"),
        Objective("output_tokens_per_dollar", -1, "output tokens per second and dollar"),
        Objective("output_tokens_per_joule", -1, "output tokens per joule"),
        Objective("request_capacity", -1, "requests served per second"),
    )
}


def log_objectives(metrics: Metrics, names: tuple[str, ...]) -> tuple[Scalar, ...]:
    """sense x log metric for each name: smaller is better, products become sums."""
    return tuple(OBJECTIVES[name].sense * jnp.log(getattr(metrics, name)) for name in names)
