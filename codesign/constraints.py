"""Which limits must a design keep, and how near are they? One row per limit over `Metrics`."""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, quantities
from codesign.metrics import Metrics


class Constraint(NamedTuple):
    """`demand` must not exceed `bound` (both names of metrics); `levers` say what would help."""

    name: str
    demand: str
    bound: str
    levers: str


CONSTRAINTS = {
    row.name: row
    for row in (
        Constraint(
            "memory",
            "resident_bytes",
            "memory_limit",
            "more memory stacks, larger tp, pp or ep, a smaller micro-batch, recomputation, a higher ZeRO stage",
        ),
        Constraint(
            "decode batch",
            "decode_batch",
            "decode_batch_limit",
            "a smaller batch, more memory stacks, a larger ep or tp, shorter contexts, fewer bytes per key and value",
        ),
        Constraint(
            "prompt batch",
            "prefill_batch",
            "prefill_batch_limit",
            "fewer prompts per step, more memory stacks, a larger ep in prefill",
        ),
        Constraint("serving units", "serving_units", "cluster_size", "a smaller ep, a larger cluster"),
        Constraint("request rate", "request_rate", "request_capacity", "a larger cluster, a larger batch, faster memory"),
        Constraint(
            "time per output token",
            "time_per_output_token",
            "time_per_output_token_limit",
            "a smaller batch, two half batches, a larger ep, faster memory and network",
        ),
        Constraint(
            "lowest time per output token",
            "lowest_time_per_output_token",
            "time_per_output_token_limit",
            "no batch is small enough: fewer bytes per weight, a larger ep or tp, faster memory, lower latencies, a later target",
        ),
        Constraint(
            "time to first token",
            "time_to_first_token",
            "time_to_first_token_limit",
            "fewer prompts per step, prefill units of their own, fewer requests, a faster network",
        ),
        Constraint(
            "package power",
            "package_power",
            "power_limit",
            "less bandwidth, fewer stacks, a link with less in-package energy, a higher power limit",
        ),
        Constraint(
            "die power density",
            "die_power",
            "die_power_limit",
            "less bandwidth, a link with less in-package energy, better cooling, more die area",
        ),
        Constraint("package area", "package_area", "area_limit", "fewer stacks, less bandwidth, a denser link, a larger area limit"),
        Constraint("carrier area", "carrier_area", "carrier_area_limit", "fewer or smaller dies, fewer stacks, a larger kind of carrier"),
        Constraint("reticle", "die_side", "die_side_limit", "a smaller die, more of them"),
        Constraint("die area", "interface_area", "die_area", "fewer stacks per die, less bandwidth, a larger die"),
        Constraint("bumps", "signal_bumps", "signal_bumps_limit", "less bandwidth, fewer stacks, a finer bump pitch, a larger die"),
        Constraint(
            "logic temperature",
            "logic_temperature",
            "logic_temperature_limit",
            "a lower clock, less bandwidth, better cooling, more die area",
        ),
        Constraint("memory temperature", "memory_temperature", "memory_temperature_limit", "less power in the package, better cooling"),
        Constraint(
            "optics temperature", "optics_temperature", "optics_temperature_limit", "less power in the package, better cooling, denser dies"
        ),
        Constraint("power delivery", "die_power", "power_delivery_limit", "a lower clock, less bandwidth, more die area"),
        Constraint("light per waveguide", "bus_power", "bus_power_limit", "fewer wavelengths per fibre, lower losses, a lower rate"),
        Constraint("laser line", "line_power", "line_power_limit", "fewer lanes per line, lower losses, a lower rate per wavelength"),
        Constraint("wavelength comb", "comb_span", "comb_span_limit", "fewer or closer wavelengths, smaller rings"),
        Constraint("memory edge", "memory_edge", "memory_edge_limit", "fewer stacks, narrower stacks, more dies in the row"),
        Constraint("stack area", "stack_area", "stack_area_limit", "fewer or smaller stacks on the dies, larger dies, memory beside them"),
        Constraint("die edge", "die_edge", "die_edge_limit", "less bandwidth, fewer stacks, a link that needs no die edge"),
        Constraint("inner die edge", "inner_edge", "inner_edge_limit", "less die-to-die bandwidth, a denser die-to-die link, larger dies"),
        Constraint(
            "package edge", "package_edge", "package_edge_limit", "less bandwidth, a link with more bandwidth per engine, a larger package"
        ),
        Constraint("pod size", "pod_size", "pod_capacity", "a smaller pod, a switch with more ports"),
        Constraint("pod router ports", "pod_ports", "pod_ports_limit", "fewer hosts or links per router, a larger radix"),
        Constraint("pod circuit switch", "pod_circuits", "pod_circuits_limit", "a circuit switch with more ports, larger blocks"),
        Constraint("link reach", "pod_span", "link_reach", "a smaller pod, denser racks, optical links"),
        Constraint("devices", "ranks", "cluster_size", "smaller dp, tp, pp or cp, a larger cluster"),
        Constraint("fabric size", "cluster_size", "fabric_capacity", "more tiers, a larger radix, a smaller cluster"),
        Constraint("fabric router ports", "fabric_ports", "fabric_ports_limit", "fewer hosts or links per router, a larger radix"),
        Constraint(
            "circuit switch",
            "circuit_ports",
            "circuit_ports_limit",
            "more ports per circuit switch, fewer optical ports, a smaller region",
        ),
        Constraint("host link reach", "host_span", "host_reach", "active or optical host links, a smaller radix, denser racks"),
        Constraint("trunk reach", "trunk_span", "trunk_reach", "optical trunks, a smaller hall"),
    )
}


def applying(metrics: Metrics) -> tuple[Constraint, ...]:
    """The limits that a design has: those of training or of serving only where it does that."""
    return tuple(row for row in CONSTRAINTS.values() if getattr(metrics, row.demand) is not None)


class Record(NamedTuple):
    """One limit of one design: met when `gap` <= 0; all in SI, `unit` for display."""

    name: str
    demand: float
    bound: float
    gap: float
    unit: str
    levers: str


def violation(demand: Scalar, bound: Scalar | float) -> Scalar:
    """(demand - bound) / (|demand| + |bound|): <= 0 when met, smooth, between -1 and 1; 0 where there is neither."""
    size = jnp.abs(demand) + jnp.abs(bound)
    return (demand - bound) / jnp.where(size > 0, size, 1.0)


def violations(metrics: Metrics) -> tuple[Scalar, ...]:
    """The relative violation of every limit that the design has."""
    return tuple(violation(getattr(metrics, row.demand), getattr(metrics, row.bound)) for row in applying(metrics))


def limit_pairs(metrics: Metrics) -> tuple[tuple[Scalar, Scalar], ...]:
    """Demand and bound of every limit that the design has, in SI."""
    return tuple((getattr(metrics, row.demand), getattr(metrics, row.bound)) for row in applying(metrics))


def records(metrics: Metrics) -> list[Record]:
    """Every limit of one design, the most violated or nearest first."""
    units = quantities(Metrics)
    found = []
    for row in applying(metrics):
        demand, bound = float(getattr(metrics, row.demand)), float(getattr(metrics, row.bound))
        found.append(Record(row.name, demand, bound, demand - bound, units[row.demand].unit, row.levers))
    return sorted(found, key=lambda r: -(r.gap / (abs(r.demand) + abs(r.bound) + 1e-30)))
