"""What does a design deliver? The only door to the model.

A closed-form, elementwise program: `jit`, `vmap` and `grad` go through it, real-valued
degrees are allowed, and nothing in it opens a file or raises on a bad design: an infeasible
design is a result whose limits are exceeded.
"""

from typing import Any

from codesign.cluster import Cluster
from codesign.design import Design
from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import share
from codesign.mapping.placement import placement
from codesign.metrics import Metrics
from codesign.performance.communication import Network
from codesign.performance.footprint import footprint
from codesign.performance.roofline import engine
from codesign.performance.step import Step, training_step
from codesign.physical import fabrication, floorplan, package_heat, power
from codesign.physical.built import built, optical_limits_of
from codesign.serving_metrics import SERVING_PARTS, serving_metrics
from codesign.topology.bill import Bill
from codesign.workload.parameters import active_parameters
from codesign.workload.training import Workload


def model_flops(workload: Workload) -> Scalar:
    """FLOPs of one step without recomputation, whole cluster: 6 per active weight and token, 3 x scores."""
    model, training = workload.model, workload.training
    embedding = model.vocabulary * model.d_model * (1 - model.tied_embedding)
    scores = 3 * model.layers * training.sequence * training.attention_share * model.attention.score_flops
    heads = model.extra_heads * model.vocabulary * model.d_model
    return training.tokens_per_step * (6 * (active_parameters(model) - embedding + heads) + scores)


def _step(cluster: Cluster, mapping: Mapping, workload: Workload) -> Step:
    schedule = mapping.schedule
    refreshed = package_heat.memory_rate_factor(cluster)
    package, precision = cluster.device.package, workload.training.precision
    device = engine(package, precision, schedule.kernel_detail, schedule.exchange_processors, refreshed)
    ends = cluster.pod_ends, cluster.fabric_ends
    net = Network(placement(mapping, cluster.pod.size), cluster.pod.network, ends[0], cluster.fabric, ends[1], device.kernel_time)
    return training_step(workload, mapping, share(workload, mapping), device, net, cluster.facility.launch_time)


def _training(cluster: Cluster, mapping: Mapping, workload: Workload, network: Scalar) -> dict[str, Any]:
    """Metrics of a training step; `network` watts of all networks."""
    training, package = workload.training, cluster.device.package
    step = _step(cluster, mapping, workload)
    memory = footprint(workload, mapping, share(workload, mapping))
    energy = power.step_energy(cluster, mapping.ranks, power.work_energy(package, *step.work[1:]), step.time, network)
    return {
        "breakdown": step.breakdown,
        "memory_parts": memory._asdict(),
        "step_time": step.time,
        "time_to_train": step.time * training.steps,
        "energy_per_step": energy,
        "energy_to_train": energy * training.steps,
        "facility_power": energy / step.time,
        "tokens_per_second": training.tokens_per_step / (step.time * cluster.devices),
        "model_utilisation": model_flops(workload) / (step.time * cluster.devices) / package.peak_flops,
        "resident_bytes": memory.total,
        "ranks": mapping.ranks,
    }


def _limits(cluster: Cluster) -> dict[str, Scalar]:
    """Demands and bounds of package and pod."""
    device, package = cluster.device, cluster.device.package
    pod, fabric = cluster.pod.network.limits(cluster.pod_ends), cluster.fabric.limits(cluster.fabric_ends)
    return {
        "memory_limit": package.memory_capacity,
        "power_limit": package.power_limit,
        "die_power": power.die_power(device),
        "die_power_limit": power.die_power_limit(package),
        "area_limit": package.area_limit,
        "pod_size": cluster.pod.size,
        "pod_capacity": pod.capacity,
        "pod_span": pod.host_span,
        "link_reach": device.scale_up.link.reach,
        "pod_ports": pod.radix,
        "pod_ports_limit": pod.radix_limit,
        "pod_circuits": pod.circuit_ports,
        "pod_circuits_limit": pod.circuit_ports_limit,
        "cluster_size": cluster.devices,
        "fabric_capacity": fabric.capacity,
        "host_span": fabric.host_span,
        "host_reach": device.scale_out.link.reach,
        "trunk_span": fabric.trunk_span,
        "trunk_reach": fabric.trunk_reach,
        "fabric_ports": fabric.radix,
        "fabric_ports_limit": fabric.radix_limit,
        "circuit_ports": fabric.circuit_ports,
        "circuit_ports_limit": fabric.circuit_ports_limit,
    }


def _package_limits(cluster: Cluster) -> dict[str, Scalar]:
    """Demands and bounds of edges, areas, bumps and temperatures of a package."""
    package = cluster.device.package
    side, side_limit = floorplan.nearest_reticle_side(package)
    return {
        "carrier_area": fabrication.carrier(cluster),
        "carrier_area_limit": package.packaging.largest_carrier_area,
        "die_side": side,
        "die_side_limit": side_limit,
        "interface_area": floorplan.interface_area(cluster),
        "die_area": package.die.area,
        "signal_bumps": floorplan.signal_bumps(cluster),
        "signal_bumps_limit": floorplan.signal_bumps_supply(package),
        "logic_temperature": package_heat.logic_temperature(cluster),
        "logic_temperature_limit": package.cooling.logic_limit,
        "memory_temperature": package_heat.memory_temperature(cluster),
        "memory_temperature_limit": package.cooling.memory_limit,
        "optics_temperature": package_heat.optics_temperature(cluster),
        "optics_temperature_limit": package.cooling.ring_limit,
        "power_delivery_limit": package.dies * package.die.area * package.cooling.power_delivery_limit,
        "memory_edge": floorplan.memory_edge_demand(cluster),
        "memory_edge_limit": floorplan.memory_edge_supply(cluster),
        "stack_area": floorplan.stack_area_demand(package),
        "stack_area_limit": floorplan.stack_area_supply(package),
        "die_edge": floorplan.die_edge_demand(cluster),
        "die_edge_limit": floorplan.die_edge_supply(cluster),
        "inner_edge": floorplan.inner_edge_demand(cluster),
        "inner_edge_limit": floorplan.inner_edge_supply(cluster),
        "package_edge": floorplan.package_edge_demand(cluster),
        "package_edge_limit": floorplan.package_edge_supply(cluster),
    }


def _bills(cluster: Cluster) -> tuple[Bill, Bill]:
    """Bills of one pod's network and of the fabric."""
    return cluster.pod.network.bill(cluster.pod_ends), cluster.fabric.bill(cluster.fabric_ends)


def _money(cluster: Cluster, cost: Scalar) -> dict[str, Scalar]:
    """Capital cost by part, `cost` to make a package; pods are counted in parts, so that the last one may be part empty."""
    margin, packages = cluster.device.package.price_over_cost, cluster.devices / cluster.package_devices
    pod, fabric = _bills(cluster)
    pods, out = cluster.devices / cluster.pod.size * pod.cost, fabric.cost
    rest = cluster.devices * cluster.facility.host_price + pods + out
    return {
        "package_cost": cost,
        "package_price": cost * margin,
        "design_cost": fabrication.design_cost_per_package(cluster),
        "package_devices": cluster.package_devices,
        "network_cost": pods + out,
        "fabric_cost": out,
        "manufacturing_cost": packages * cost + rest,
        "capital_cost": packages * cost * margin + rest,
    }


def _network_power(cluster: Cluster) -> tuple[Scalar, Scalar]:
    """Power of all pods' networks, and of the fabric."""
    pod, fabric = _bills(cluster)
    return cluster.devices / cluster.pod.size * pod.power, fabric.power


def evaluate(design: Design, workload: Workload) -> Metrics:
    """All metrics of `design` training or serving `workload`, or both; see `Metrics` for what is absent.

    Leaves may be scalars or batches that broadcast; results have the broadcast shape.
    Ignored: failures, data loading, evaluation pauses, checkpoints.
    """
    optics = optical_limits_of(design.cluster)
    cluster = built(design.cluster)
    pods, fabric = _network_power(cluster)
    package = fabrication.package_cost_parts(cluster)
    money = _money(cluster, package.total)
    found: dict[str, Any] = {name: {} for name in SERVING_PARTS}
    if design.deployment is not None and workload.serving is not None:
        found |= serving_metrics(cluster, design.deployment, workload, pods + fabric, money["capital_cost"])
    if design.mapping is not None:
        found |= _training(cluster, design.mapping, workload, pods + fabric)
    found |= _limits(cluster) | _package_limits(cluster) | optics._asdict() | money
    return Metrics(
        cost_parts=package._asdict(),
        package_area=floorplan.package_area(cluster),
        board_area=floorplan.board_area(cluster),
        package_power=power.package_power(cluster),
        network_power=pods + fabric,
        fabric_power=fabric,
        bisection=cluster.fabric.bisection(cluster.fabric_ends),
        **found,
    )
