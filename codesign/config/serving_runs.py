"""What does one row of measured serving say: a unit of devices, its batch, its rate, and what its note adds?"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from codesign.config.csv_rows import CsvRow
from codesign.config.load import load_workload_named

SERVING = (
    "name", "source", "model", "system", "phase", "precision", "n_gpus", "ep", "batch_per_gpu", "context_tokens",
    "metric", "value", "unit", "note",
)  # fmt: skip
PHASES = ("prefill", "decode", "both")
RATES = {"tokens_per_s_per_gpu": "tokens/s", "tokens_per_s_per_user": "tokens/s"}
FLEET = {"tokens_per_day": "tokens", "cached_tokens_per_day": "tokens", "mean_nodes": "nodes", "cost_per_day": "USD"}
"""Accounts of a whole fleet, which name no unit."""
SERVING_UNITS = RATES | FLEET
FORMATS = {
    "": "bf16", "bf16": "bf16", "fp16": "fp16", "fp8": "fp8_serving", "mxfp8": "fp8_serving", "fp8_deepseek": "fp8_serving",
    "fp8_serving": "fp8_serving", "nvfp4": "fp4_serving", "mxfp4": "fp4_serving", "fp4": "fp4_serving", "fp4_serving": "fp4_serving",
}  # fmt: skip
"""The format that a unit serves in, by the name of that of its matrix products."""
NUMBER = r"(\d[\d,]*\.?\d*)"


class ServingRun(NamedTuple):
    """One measured figure of one serving unit; None is not stated."""

    name: str
    source: str
    model: str
    system: str
    phase: str
    precision: str
    devices: float | None
    ep: float | None
    batch: float | None
    context: float | None
    metric: str
    value: float
    note: str

    @property
    def unit(self) -> tuple[object, ...]:
        """What two figures of the same unit, with the same load, share."""
        return self.source, self.model, self.system, self.phase, self.precision, self.devices, self.ep, self.context


class Noted(NamedTuple):
    """What a note says of load and placement; None where it says nothing."""

    replicas: float | None
    experts_per_device: float | None
    cached: float | None
    computed: bool
    natural: bool
    even: bool
    narrow_keys: bool
    drafts: float
    acceptance: float | None


def _first(patterns: Sequence[str], note: str) -> float | None:
    """The number that the first of the patterns found has in its group."""
    found = next((match for pattern in patterns if (match := re.search(pattern, note))), None)
    return None if found is None else float(found.group(1).replace(",", ""))


def _share(percents: Sequence[str], fractions: Sequence[str], note: str) -> float | None:
    """A share written in per cent or as a fraction, None unless below 1."""
    percent = _first(percents, note)
    value = _first(fractions, note) if percent is None else percent / 100
    return value if value is not None and value < 1 else None


def _drafts(note: str) -> float:
    if re.search(r"(no|without) (mtp|speculati)|mtp (off|disabled)", note):
        return 0.0
    stated = _first([r"mtp[- =]?(\d+)", r"(\d+) (?:draft|speculative|mtp)"], note)
    return stated if stated is not None else float(re.search(r"\bmtp\b|speculative decoding", note) is not None)


def noted(note: str) -> Noted:
    """What a note says.

    >>> noted("2 routed and 1 shared expert per GPU, 32 redundant experts; natural load").replicas
    32.0
    >>> noted("56.3 % context-cache hits").cached
    0.563
    """
    text = note.lower()
    accepted = _share([r"accept\w*[^.;\d]*(\d+\.?\d*) ?%"], [r"accept\w*[^.;\d]*(\d*\.\d+)"], text)
    hits = r"(\d+\.?\d*) ?%[^.;\d]*(?:cache[d]? |cache-|hit|cached)"
    return Noted(
        replicas=_first([NUMBER + r" redundant"], text),
        experts_per_device=_first([NUMBER + r" routed[^.;]* per (?:gpu|device)"], text),
        cached=_share([hits], [r"\(1 - (0?\.\d+)\)"], text),
        computed="computed" in text,
        natural="natural load" in text,
        even=any(word in text for word in ("balanced", "random", "synthetic", "uniform")) and "imbalanced" not in text,
        narrow_keys=re.search(r"(fp8|8-bit|e4m3)[- ](kv|keys)|kv[- ]?(cache)?[ :=]*(in |at )?(fp8|8-bit|e4m3)", text) is not None,
        drafts=_drafts(text) if accepted is not None else 0.0,
        acceptance=accepted,
    )


def replicas_of(experts: float, ep: float, told: Noted) -> float:
    """Further copies of experts: those stated or held per device beyond the experts, and as few more as make `ep` divide.

    >>> replicas_of(256, 144, noted(""))
    32.0
    """
    stated = told.replicas or 0.0
    if told.replicas is None and told.experts_per_device is not None:
        stated = max(told.experts_per_device * ep - experts, 0.0)
    return stated + (-(experts + stated)) % ep if experts else 0.0


def _system(row: CsvRow, systems: Sequence[str]) -> str:
    """A shipped system, by its name or that of its device."""
    text = row.text("system")
    longer = [name for name in (f"dgx_{text}", f"{text}_nvl72") if name in systems]
    return longer[0] if text not in systems and longer else row.known("system", systems, "system")


def _contradictions(row: CsvRow, model: str, devices: float | None, ep: float | None) -> None:
    """Degrees that do not fit the unit or the model."""
    if devices is not None and ep is not None and devices % ep:
        row.tell("ep", f"{ep:g} does not divide n_gpus = {devices:g}")
    if ep is not None and model:
        experts = float(load_workload_named(model).module.model.experts)
        most = max(experts + (noted(row.text("note")).replicas or 0.0), 1.0)
        if ep > most:
            row.tell("ep", f"expected at most the {most:g} experts and stated copies of {model}, got {ep:g}")


def _metric(row: CsvRow) -> str:
    metric, unit = row.known("metric", list(SERVING_UNITS), "metric"), row.text("unit")
    if metric in SERVING_UNITS and unit != SERVING_UNITS[metric]:
        row.tell("unit", f"expected '{SERVING_UNITS[metric]}' for {metric}, got '{unit}'")
    return metric


def serving_run(row: CsvRow, models: Sequence[str], systems: Sequence[str]) -> ServingRun:
    """The row, its problems noted in it."""
    metric = _metric(row)
    model = row.known("model", models, "model")
    devices = row.number("n_gpus", whole=True, least=1.0, optional=metric in FLEET)
    ep = row.number("ep", whole=True, least=1.0, optional=True)
    _contradictions(row, model if model in models else "", devices, ep)
    value = row.number("value", least=1e-300)
    return ServingRun(
        name=row.text("name"),
        source=row.text("source"),
        model=model,
        system=_system(row, systems),
        phase=row.known("phase", PHASES, "phase"),
        precision=FORMATS.get(row.known("precision", list(FORMATS), "precision"), ""),
        devices=devices,
        ep=ep,
        batch=row.number("batch_per_gpu", least=1e-3, optional=True),
        context=row.number("context_tokens", least=1.0, optional=True),
        metric=metric,
        value=math.nan if value is None else value,
        note=row.text("note"),
    )
