"""What is known about a design once it has been evaluated?

Objectives and constraints are tables over these fields and see nothing else.
"""

from typing import Any

import equinox as eqx

from codesign.fields import Scalar, quantity

TRAINING, SERVING = "training", "serving"


def of_training(unit: str, doc: str) -> Any:
    """A metric that is `None` where nothing is trained."""
    return quantity(unit, doc, default=None, work=TRAINING)


def of_serving(unit: str, doc: str) -> Any:
    """A metric that is `None` where nothing is served."""
    return quantity(unit, doc, default=None, work=SERVING)


class Metrics(eqx.Module):
    """Results of one design (or a batch); metrics of training or of serving are `None` where it does not do that.

    `breakdown` adds up to the step time, or to the decode step where nothing is trained; `memory_parts` to what is resident then,
    `cost_parts` to the package's cost. `decode_parts` and `prefill_parts` are the serving steps, `decode_bounds` the decode step by
    what binds, `floor_bounds` the same for one sequence per attention group; empty without serving.
    """

    breakdown: dict[str, Scalar]
    memory_parts: dict[str, Scalar]
    cost_parts: dict[str, Scalar]
    decode_parts: dict[str, Scalar]
    prefill_parts: dict[str, Scalar]
    decode_bounds: dict[str, Scalar]
    floor_bounds: dict[str, Scalar]
    step_time: Scalar = of_training("s", "one optimiser step")
    time_to_train: Scalar = of_training("day", "the whole run, without failures")
    energy_per_step: Scalar = of_training("MJ", "one optimiser step, whole cluster, at the meter")
    energy_to_train: Scalar = of_training("GWh", "the whole run, whole cluster, at the meter")
    capital_cost: Scalar = quantity("M$", "devices at market price, networks, hosts")
    manufacturing_cost: Scalar = quantity("M$", "devices at manufacturing cost, networks, hosts")
    network_cost: Scalar = quantity("M$", "scale-up and scale-out networks")
    fabric_cost: Scalar = quantity("M$", "scale-out network, interface cards included")
    package_cost: Scalar = quantity("$", "manufacturing cost of one package, optics not included")
    package_price: Scalar = quantity("$", "market price of one package, optics not included")
    design_cost: Scalar = quantity("$", "design of dies and package, spread over the volume, per package")
    package_devices: Scalar = quantity("1", "devices in one package")
    package_area: Scalar = quantity("mm2", "dies, memory and optical engines of one package")
    board_area: Scalar = quantity("mm2", "link modules on the board, per device")
    package_power: Scalar = quantity("W", "compute, memory and in-package links of one package at full rate")
    network_power: Scalar = quantity("MW", "scale-up and scale-out networks, links at full rate")
    fabric_power: Scalar = quantity("MW", "scale-out network, interface cards included")
    bisection: Scalar = quantity("GB/s", "scale-out bandwidth per device and direction over the worst cut into halves")
    facility_power: Scalar = of_training("MW", "mean power during training, at the meter")
    tokens_per_second: Scalar = of_training("1", "tokens per second and device")
    model_utilisation: Scalar = of_training("1", "model FLOPs without recomputation over the 16-bit peak")
    resident_bytes: Scalar = of_training("GB", "memory in use on the fullest device")
    time_per_output_token: Scalar = of_serving("ms", "mean time between tokens of one sequence")
    time_to_first_token: Scalar = of_serving("s", "waiting, reading the prompt, handing its keys and values over, first decode step")
    lowest_time_per_output_token: Scalar = of_serving("ms", "time per output token with one sequence per attention group")
    time_per_output_token_limit: Scalar = of_serving("ms", "largest allowed time per output token")
    time_to_first_token_limit: Scalar = of_serving("s", "largest allowed time to first token")
    decode_step_time: Scalar = of_serving("ms", "one step of a decode unit")
    prefill_step_time: Scalar = of_serving("ms", "one step of a unit that reads prompts")
    output_tokens_per_second: Scalar = of_serving("1/s", "output tokens per second and device, decode and prefill units together")
    decode_tokens_per_second: Scalar = of_serving("1/s", "output tokens per second and device of a decode unit")
    prefill_tokens_per_second: Scalar = of_serving("1/s", "prompt tokens, cached ones included, per second and device of a prefill unit")
    output_tokens_per_dollar: Scalar = of_serving("1/s/$", "output tokens per second and capital cost")
    output_tokens_per_joule: Scalar = of_serving("1/s/W", "output tokens per energy at the meter")
    energy_per_output_token: Scalar = of_serving("J", "reading its share of the prompt and decoding, whole cluster, at the meter")
    decode_share: Scalar = of_serving("1", "share of the devices that decode, so that both kinds of units are busy")
    request_rate: Scalar = of_serving("1/s", "requests that arrive")
    request_capacity: Scalar = of_serving("1/s", "requests that the cluster serves")
    serving_power: Scalar = of_serving("MW", "mean power while serving, at the meter")
    decode_batch: Scalar = of_serving("1", "sequences that decode per device")
    decode_batch_limit: Scalar = of_serving("1", "sequences per device that fit in memory beside the weights")
    prefill_batch: Scalar = of_serving("1", "prompts read in one step per device")
    prefill_batch_limit: Scalar = of_serving("1", "prompts per device that fit in memory beside the weights")
    serving_units: Scalar = of_serving("1", "devices of one unit of every kind")
    touched_experts: Scalar = of_serving("1", "distinct experts that a decode device reads per layer")
    tokens_per_expert: Scalar = of_serving("1", "tokens per expert that is touched, on the busiest rank")
    memory_limit: Scalar = quantity("GB", "memory a job can use")
    power_limit: Scalar = quantity("W", "power the package may dissipate")
    die_power: Scalar = quantity("W", "compute, serialisers, die-to-die hops and memory on the dies at full rate")
    die_power_limit: Scalar = quantity("W", "heat the cooling takes from the dies")
    area_limit: Scalar = quantity("mm2", "largest package area")
    carrier_area: Scalar = quantity("mm2", "interposer or other carrier below dies and memory")
    carrier_area_limit: Scalar = quantity("mm2", "largest carrier that is made")
    die_side: Scalar = quantity("mm", "side of a die that is nearest to the reticle's")
    die_side_limit: Scalar = quantity("mm", "that side of the reticle")
    interface_area: Scalar = quantity("mm2", "area of memory and link circuits on one die")
    die_area: Scalar = quantity("mm2", "area of one die")
    signal_bumps: Scalar = quantity("1", "bumps below one device's dies that carry signals")
    signal_bumps_limit: Scalar = quantity("1", "bumps left for signals beside power")
    logic_temperature: Scalar = quantity("degC", "hottest compute die at full rate")
    logic_temperature_limit: Scalar = quantity("degC", "limit of compute dies")
    memory_temperature: Scalar = quantity("degC", "memory stacks at full rate")
    memory_temperature_limit: Scalar = quantity("degC", "limit of memory stacks")
    optics_temperature: Scalar = quantity("degC", "optical engines beside the dies at full rate")
    optics_temperature_limit: Scalar = quantity("degC", "limit of ring resonators")
    power_delivery_limit: Scalar = quantity("W", "power that the supply feeds to one device's dies")
    bus_power: Scalar = quantity("mW", "light in one silicon waveguide")
    bus_power_limit: Scalar = quantity("mW", "light at which silicon absorbs it")
    line_power: Scalar = quantity("mW", "laser power of one line")
    line_power_limit: Scalar = quantity("mW", "laser power of one line that is made")
    comb_span: Scalar = quantity("nm", "spectrum that the wavelengths of a fibre take")
    comb_span_limit: Scalar = quantity("nm", "free spectral range of the rings")
    memory_edge: Scalar = quantity("mm", "die edge taken by memory stacks")
    memory_edge_limit: Scalar = quantity("mm", "die edge open to memory")
    stack_area: Scalar = quantity("mm2", "area of one device's dies that memory on them covers")
    stack_area_limit: Scalar = quantity("mm2", "area of one device's dies")
    die_edge: Scalar = quantity("mm", "outer die edge taken by serialisers of links out of the package")
    die_edge_limit: Scalar = quantity("mm", "outer die edge that memory leaves to serialisers")
    inner_edge: Scalar = quantity("mm", "die edge between dies taken by die-to-die links")
    inner_edge_limit: Scalar = quantity("mm", "die edge between dies")
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
    ranks: Scalar = of_training("1", "devices the mapping uses")
    fabric_capacity: Scalar = quantity("1", "devices the scale-out fabric can hold")
    host_span: Scalar = quantity("m", "longest link from a device to its first scale-out switch")
    host_reach: Scalar = quantity("m", "reach of the scale-out link")
    trunk_span: Scalar = quantity("m", "longest link between switches of the fabric")
    trunk_reach: Scalar = quantity("m", "reach of the fabric's trunk links")
    fabric_ports: Scalar = quantity("1", "ports that a router of the fabric needs")
    fabric_ports_limit: Scalar = quantity("1", "ports of the fabric's switch")
    circuit_ports: Scalar = quantity("1", "ports in use of one circuit switch or patch panel of the fabric")
    circuit_ports_limit: Scalar = quantity("1", "ports of one circuit switch or patch panel of the fabric")
