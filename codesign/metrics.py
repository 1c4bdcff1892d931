"""What is known about a design once it has been evaluated?

Objectives and constraints are tables over these fields and see nothing else.
"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Metrics(eqx.Module):
    """Results of one design (or a batch); `breakdown` and `memory_parts` add up to their totals."""

    breakdown: dict[str, Scalar]
    memory_parts: dict[str, Scalar]
    step_time: Scalar = quantity("s", "one optimiser step")
    time_to_train: Scalar = quantity("day", "the whole run, without failures")
    energy_per_step: Scalar = quantity("MJ", "one optimiser step, whole cluster, at the meter")
    energy_to_train: Scalar = quantity("GWh", "the whole run, whole cluster, at the meter")
    capital_cost: Scalar = quantity("M$", "devices at market price, networks, hosts")
    network_cost: Scalar = quantity("M$", "scale-up and scale-out networks")
    fabric_cost: Scalar = quantity("M$", "scale-out network, interface cards included")
    package_cost: Scalar = quantity("$", "manufacturing cost of one package, optics not included")
    package_price: Scalar = quantity("$", "market price of one package, optics not included")
    package_area: Scalar = quantity("mm2", "dies, memory and optical engines of one package")
    board_area: Scalar = quantity("mm2", "link modules on the board, per device")
    package_power: Scalar = quantity("W", "compute, memory and in-package links of one package at full rate")
    network_power: Scalar = quantity("MW", "scale-up and scale-out networks, links at full rate")
    fabric_power: Scalar = quantity("MW", "scale-out network, interface cards included")
    bisection: Scalar = quantity("GB/s", "scale-out bandwidth per device and direction over the worst cut into halves")
    facility_power: Scalar = quantity("MW", "mean power during training, at the meter")
    tokens_per_second: Scalar = quantity("1", "tokens per second and device")
    model_utilisation: Scalar = quantity("1", "model FLOPs without recomputation over the 16-bit peak")
    resident_bytes: Scalar = quantity("GB", "memory in use on the fullest device")
    memory_limit: Scalar = quantity("GB", "memory a job can use")
    power_limit: Scalar = quantity("W", "power the package may dissipate")
    die_power: Scalar = quantity("W", "compute, serialisers and die-to-die hops at full rate")
    die_power_limit: Scalar = quantity("W", "heat the cooling takes from the dies")
    area_limit: Scalar = quantity("mm2", "largest package area")
    memory_edge: Scalar = quantity("mm", "die edge taken by memory stacks")
    memory_edge_limit: Scalar = quantity("mm", "die edge open to memory")
    die_edge: Scalar = quantity("mm", "die edge taken by serialisers")
    die_edge_limit: Scalar = quantity("mm", "die edge that memory leaves to serialisers")
    package_edge: Scalar = quantity("mm", "package edge taken by fibres and engines")
    package_edge_limit: Scalar = quantity("mm", "package perimeter")
    pod_size: Scalar = quantity("1", "devices in a pod")
    pod_capacity: Scalar = quantity("1", "devices the network of a pod can join")
    pod_span: Scalar = quantity("m", "longest link inside a pod")
    link_reach: Scalar = quantity("m", "reach of the scale-up link")
    pod_ports: Scalar = quantity("1", "ports that a router of the pod needs")
    pod_ports_limit: Scalar = quantity("1", "ports of the pod's switch")
    pod_circuits: Scalar = quantity("1", "ports in use of one circuit switch of a pod")
    pod_circuits_limit: Scalar = quantity("1", "ports of one circuit switch of a pod")
    cluster_size: Scalar = quantity("1", "devices in the cluster")
    ranks: Scalar = quantity("1", "devices the mapping uses")
    fabric_capacity: Scalar = quantity("1", "devices the scale-out fabric can hold")
    host_span: Scalar = quantity("m", "longest link from a device to its first scale-out switch")
    host_reach: Scalar = quantity("m", "reach of the scale-out link")
    trunk_span: Scalar = quantity("m", "longest link between switches of the fabric")
    trunk_reach: Scalar = quantity("m", "reach of the fabric's trunk links")
    fabric_ports: Scalar = quantity("1", "ports that a router of the fabric needs")
    fabric_ports_limit: Scalar = quantity("1", "ports of the fabric's switch")
    circuit_ports: Scalar = quantity("1", "ports in use of one circuit switch or patch panel of the fabric")
    circuit_ports_limit: Scalar = quantity("1", "ports of one circuit switch or patch panel of the fabric")
