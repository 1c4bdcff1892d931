"""A plan of numpy alone, for tests of the engines; a worker imports it quickly."""

import json
import os
import signal
from pathlib import Path

import numpy as np

from codesign.engine.work import Job

ROUNDS, UNITS = 3, 4


class Toy:
    """Three rounds of four and more units; `hook` is called with (round, unit) before each."""

    key = "toy"

    def __init__(self, hook=lambda number, unit: None):
        self.hook = hook

    def start(self):
        return {"round": np.array(0), "x": np.linspace(0.1, 0.9, 6).reshape(2, 3)}

    def units(self, state):
        number = int(state["round"])
        return UNITS + number if number < ROUNDS else 0

    def perform(self, state, unit):
        self.hook(int(state["round"]), unit)
        draws = np.random.default_rng([int(state["round"]), unit]).standard_normal((3, 2))
        return {"y": draws.T * np.sin(state["x"]), "unit": np.array(unit), "name": np.array([f"unit {unit}"])}

    def combine(self, state, shards):
        assert [int(shard["unit"]) for shard in shards] == list(range(len(shards)))
        return {"round": state["round"] + 1, "x": state["x"] + sum(shard["y"] / (1 + shard["unit"]) for shard in shards)}


TOTAL = sum(UNITS + number for number in range(ROUNDS))


def job(marker=None, key="toy", **facts):
    """The job of the plan; with `marker` a worker dies at one unit, once, and leaves that file."""
    return Job("toy_plan:make", json.dumps(marker and str(marker)).encode(), key, {"study": "passage", "seed": "0"} | facts)


def make(payload):
    """The plan on a worker."""
    marker = json.loads(payload)

    def die_once(number, unit):
        if (number, unit) == (1, 2) and marker and not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return Toy(die_once)
