"""What does a design deliver? The only door to the model.

A closed-form, elementwise program: `jit`, `vmap` and `grad` go through it, real-valued
degrees are allowed, and nothing in it opens a file or raises on a bad design: an infeasible
design is a result whose limits are exceeded.
"""

from codesign.cluster import Cluster
from codesign.design import Design
from codesign.fields import Scalar
from codesign.mapping.partition import share
from codesign.mapping.placement import placement
from codesign.metrics import Metrics
from codesign.performance.communication import Network
from codesign.performance.footprint import footprint
from codesign.performance.roofline import engine
from codesign.performance.step import Step, training_step
from codesign.physical import fabrication, floorplan, power
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


def _step(design: Design, workload: Workload) -> Step:
    cluster, mapping = design.cluster, design.mapping
    device = engine(
        cluster.device.package, workload.training.precision, mapping.schedule.kernel_detail, mapping.schedule.exchange_processors
    )
    ends = cluster.pod_ends, cluster.fabric_ends
    net = Network(placement(mapping, cluster.pod.size), cluster.pod.network, ends[0], cluster.fabric, ends[1], device.kernel_time)
    return training_step(workload, mapping, share(workload, mapping), device, net, cluster.facility.launch_time)


def _limits(design: Design) -> dict[str, Scalar]:
    """Demands and bounds of package and pod."""
    cluster, device, package = design.cluster, design.cluster.device, design.cluster.device.package
    pod, fabric = cluster.pod.network.limits(cluster.pod_ends), cluster.fabric.limits(cluster.fabric_ends)
    return {
        "memory_limit": package.memory_capacity,
        "power_limit": package.power_limit,
        "die_power": power.compute_power(package) + power.die_link_power(device),
        "die_power_limit": power.die_power_limit(package),
        "area_limit": package.area_limit,
        "memory_edge": floorplan.memory_edge_demand(package),
        "memory_edge_limit": floorplan.memory_edge_supply(package),
        "die_edge": floorplan.die_edge_demand(device),
        "die_edge_limit": floorplan.die_edge_supply(package),
        "package_edge": floorplan.package_edge_demand(device),
        "package_edge_limit": floorplan.package_edge_supply(package),
        "pod_size": cluster.pod.size,
        "pod_capacity": pod.capacity,
        "pod_span": pod.host_span,
        "link_reach": device.scale_up.link.reach,
        "pod_ports": pod.radix,
        "pod_ports_limit": pod.radix_limit,
        "pod_circuits": pod.circuit_ports,
        "pod_circuits_limit": pod.circuit_ports_limit,
        "cluster_size": cluster.devices,
        "ranks": design.mapping.ranks,
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


def _bills(cluster: Cluster) -> tuple[Bill, Bill]:
    """Bills of one pod's network and of the fabric."""
    return cluster.pod.network.bill(cluster.pod_ends), cluster.fabric.bill(cluster.fabric_ends)


def _money(design: Design) -> dict[str, Scalar]:
    """Capital cost by part; pods are counted in parts, so that the last one may be part empty."""
    cluster, device = design.cluster, design.cluster.device
    area = floorplan.package_area(device)
    price = fabrication.market_price(device.package, area)
    pod, fabric = _bills(cluster)
    pods, out = cluster.devices / cluster.pod.size * pod.cost, fabric.cost
    return {
        "package_cost": fabrication.manufacturing_cost(device.package, area),
        "package_price": price,
        "network_cost": pods + out,
        "fabric_cost": out,
        "capital_cost": cluster.devices * (price + cluster.facility.host_price) + pods + out,
    }


def _network_power(cluster: Cluster) -> tuple[Scalar, Scalar]:
    """Power of all pods' networks, and of the fabric."""
    pod, fabric = _bills(cluster)
    return cluster.devices / cluster.pod.size * pod.power, fabric.power


def evaluate(design: Design, workload: Workload) -> Metrics:
    """All metrics of `design` training `workload`.

    Leaves may be scalars or batches that broadcast; results have the broadcast shape.
    Ignored: failures, data loading, evaluation pauses, checkpoints.
    """
    device, training = design.cluster.device, workload.training
    step = _step(design, workload)
    memory = footprint(workload, design.mapping, share(workload, design.mapping))
    pods, fabric = _network_power(design.cluster)
    network = pods + fabric
    work = power.work_energy(device.package, *step.work[1:])
    energy = power.step_energy(design.cluster, design.mapping.ranks, work, step.time, network)
    achieved = model_flops(workload) / (step.time * design.cluster.devices)
    return Metrics(
        breakdown=step.breakdown,
        memory_parts=memory._asdict(),
        step_time=step.time,
        time_to_train=step.time * training.steps,
        energy_per_step=energy,
        energy_to_train=energy * training.steps,
        package_area=floorplan.package_area(device),
        board_area=floorplan.board_area(device),
        package_power=power.package_power(device),
        network_power=network,
        fabric_power=fabric,
        bisection=design.cluster.fabric.bisection(design.cluster.fabric_ends),
        facility_power=energy / step.time,
        tokens_per_second=training.tokens_per_step / (step.time * design.cluster.devices),
        model_utilisation=achieved / device.package.peak_flops,
        resident_bytes=memory.total,
        **_limits(design),
        **_money(design),
    )
