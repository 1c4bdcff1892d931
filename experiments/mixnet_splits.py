"""Do bandwidth splits, circulant topologies and ports used in turn give the sheet's numbers (F44, F45, F49 to F53)?

Sources: TopoOpt (arXiv 2202.00433), LIBRA (arXiv 2109.11762), ChipLight (arXiv 2604.18909). All figures
are derived from the published equations and inputs; each is held to 0.1 %.
"""

import jax.numpy as jnp
from claim import Row, rounded

from codesign.fields import Scalar
from codesign.performance import bandwidth_split as split
from codesign.performance import link_reuse
from codesign.topology import circulant

GB = 1e9
BUDGET = 1000 * GB
SIZES = (4.0, 8.0, 4.0, 32.0)
"""LIBRA's Ring4 x Full8 x Ring4 x Switch32."""
PRICES = (2.0, 4.0, 4.0, 57.4)
"""$ per GB/s: inter-chiplet, inter-package, inter-node link; inter-pod link with switch and network card."""


def derived(row_id: str, quantity: str, unit: str, paper: float, model: Scalar | float) -> Row:
    """A row held to 0.1 %."""
    return rounded(row_id, quantity, unit, paper, float(model), 0.0, 1e-3)


def numbered(row_id: str, quantity: str, unit: str, paper: tuple[float, ...], model: Scalar) -> list[Row]:
    """One row per network dimension."""
    pairs = zip(paper, model, strict=True)
    return [derived(f"{row_id}.{i}", f"{quantity}, dimension {i}", unit, p, m) for i, (p, m) in enumerate(pairs)]


def circulant_rows() -> list[Row]:
    """F44, F45: strides and hops of directed circulants."""
    rows = []
    for nodes, count in ((8, 4), (12, 4), (16, 8), (128, 64)):
        found = len(circulant.coprime_strides(nodes))
        rows.append(derived(f"F44.{nodes}", f"strides coprime to {nodes}", "1", count, found))
    cases = ((8, (1, 3, 5, 7), 1.4286, 2), (12, (1, 5, 7, 11), 1.8182, 3), (16, (1, 3, 7), 2.2667, 4), (16, (1,), 8, 15))
    for nodes, strides, mean, most in cases:
        key, name = f"F45.{nodes}.{len(strides)}", f"hops, {nodes} nodes, strides {' '.join(map(str, strides))}"
        hops = circulant.mean_hops(nodes, strides)
        rows.append(derived(f"{key}.mean", f"mean {name}", "1", mean, hops))
        rows.append(derived(f"{key}.max", f"maximum {name}", "1", most, circulant.max_hops(nodes, strides)))
        degree = len(strides)
        slower = circulant.static_all_to_all_time(GB, hops, degree, GB) / (GB / (degree * GB))
        rows.append(derived(f"{key}.slower", f"static all-to-all over switched, {name}", "x", mean, slower))
    return rows


def libra_cost(bandwidth: Scalar) -> Scalar:
    """Dollars of LIBRA's four dimensions by the counts of links, `bandwidth` (4,) in B/s."""
    sizes, price = jnp.array(SIZES), jnp.array(PRICES) / GB
    devices = sizes.prod()
    instance = sizes.at[-1].set(devices)
    wirings = (split.ring_links, split.full_mesh_links, split.ring_links, split.switch_links)
    links = [wiring(size, b) for wiring, size, b in zip(wirings, instance, bandwidth, strict=True)]
    return sum((split.dimension_cost(devices, *part) for part in zip(instance, links, price, strict=True)), start=jnp.array(0.0))


def libra_rows() -> list[Row]:
    """F49 to F51: one collective over four dimensions, and what the network costs."""
    sizes, equal = jnp.array(SIZES), jnp.full(4, BUDGET / 4)
    budget = split.fixed_sum(jnp.ones(4), BUDGET)
    uneven = jnp.array([1.0, 2.0, 3.0, 4.0]) * GB
    simple = sizes.prod() * (jnp.array(PRICES) / GB * uneven).sum()
    rows = [derived("F49", "cost by counts of links over devices x sum of price x bandwidth", "1", 1, libra_cost(uneven) / simple)]
    cases = (
        ("F50", "all-reduce", split.all_reduce_bytes, (1.5, 0.4375, 0.046875, 0.015137), (750.18, 218.80, 23.44, 7.57), (1.9995, 6.0)),
        ("F51", "all-to-all", split.all_to_all_bytes, (0.75, 0.875, 0.75, 0.96875), (224.30, 261.68, 224.30, 289.72), (3.3438, 3.875)),
    )
    for key, name, traffic_of, paper_bytes, paper_split, (best, even) in cases:
        traffic = traffic_of(jnp.array(GB), sizes)
        found = split.optimal_split(traffic[None], budget)
        time = split.series_time(traffic[None], equal)
        rows += numbered(f"{key}.bytes", f"{name} traffic", "GB", paper_bytes, traffic / GB)
        rows += numbered(f"{key}.split", f"{name} best bandwidth", "GB/s", paper_split, found.bandwidth / GB)
        rows.append(derived(f"{key}.time", f"{name} time", "ms", best, found.time * 1e3))
        rows.append(derived(f"{key}.equal", f"{name} time, equal split", "ms", even, time * 1e3))
        if key == "F50":
            rows.append(derived("F50.sum", f"{name} traffic, all dimensions", "GB", 1.999512, traffic.sum() / GB))
            rows.append(derived("F50.ratio", f"{name}, equal over best split", "x", 3.001, time / found.time))
            rows.append(derived("F50.cost", "cost of the best split", "M$", 11.894, libra_cost(found.bandwidth) / 1e6))
            rows.append(derived("F50.equal_cost", "cost of the equal split", "M$", 69.018, libra_cost(equal) / 1e6))
    return rows


def gpt3_traffic() -> Scalar:
    """LIBRA's GPT-3 example, bytes (3, 4): all-reduce and all-gather of tensor, all-reduce of data parallelism."""
    tensor, data = jnp.array([4.0, 4.0, 1.0, 1.0]), jnp.array([1.0, 2.0, 4.0, 32.0])
    inside = split.all_reduce_bytes(6442450944.0, tensor), split.all_gather_bytes(2 * 50331648.0, tensor)
    return jnp.stack([*inside, split.all_reduce_bytes(452984832.0, data)])


def gpt3_rows() -> list[Row]:
    """F52: three collectives in series, without and with the shipped extra constraints."""
    traffic, one = gpt3_traffic(), jnp.eye(4)
    budget = split.fixed_sum(jnp.ones(4), BUDGET)
    given = split.fixed_sum(one[0], BUDGET / 2), split.fixed_sum(one[2] + one[3], BUDGET / 5)
    ordered = split.largest_sum(one[1] - one[0], 0.0), split.largest_sum(one[2] - one[1], 0.0)
    free, bound = split.optimal_split(traffic, budget), split.optimal_split(traffic, split.joined(budget, *given, *ordered))
    equal = split.series_time(traffic, jnp.full(4, BUDGET / 4))
    rows = [
        derived("F52.tensor", "tensor-parallel traffic, dimension 0", "GB", 10.8716, traffic[:2, 0].sum() / GB),
        derived("F52.tensor.ratio", "tensor-parallel traffic, dimension 1 over 0", "1", 0.25, traffic[:2, 1].sum() / traffic[:2, 0].sum()),
    ]
    rows += numbered("F52.data", "data-parallel traffic", "GB", (0, 0.45298, 0.75 * 0.45298, 0.2421875 * 0.45298), traffic[2] / GB)[1:]
    rows += numbered("F52.split", "GPT-3 best bandwidth", "GB/s", (676.90, 169.22, 116.32, 37.56), free.bandwidth / GB)
    rows.append(derived("F52.time", "GPT-3 communication", "ms", 18.982, free.time * 1e3))
    rows.append(derived("F52.equal", "GPT-3 communication, equal split", "ms", 45.298, equal * 1e3))
    rows.append(derived("F52.ratio", "GPT-3, equal over best split", "x", 2.386, equal / free.time))
    rows += numbered("F52.limited", "GPT-3 best bandwidth, more limits", "GB/s", (500, 300, 151.18, 48.82), bound.bandwidth / GB)
    return [*rows, derived("F52.limited.time", "GPT-3 communication, more limits", "ms", 23.991, bound.time * 1e3)]


def reuse_rows() -> list[Row]:
    """F53: context- and expert-parallel traffic on own or on the same ports."""
    rows = []
    cases = (
        ((4, 1), (0.6667, 90, 50, 1.8, 10)),
        ((1, 1), (0.5, 40, 20, 2.0, 5)),
        ((1, 9), (0.25, 160, 100, 1.6, 15)),
        ((0.1, 9.9), (0.0913, 119.90, 100, 1.199, 4.97)),
    )
    for number, (volumes, paper) in enumerate(cases, 1):
        context, expert = (jnp.array(v * GB) for v in volumes)
        static, reuse = link_reuse.static_time(context, expert, 100 * GB), link_reuse.reuse_time(context, expert, 100 * GB, 4.0, 0.0)
        even = link_reuse.break_even_change_time(context, expert, 100 * GB, 4.0)
        model = link_reuse.static_share(context, expert), static * 1e3, reuse * 1e3, static / reuse, even * 1e3
        names = ("share", "1"), ("static", "ms"), ("reuse", "ms"), ("ratio", "x"), ("break_even", "ms")
        for (name, unit), printed, value in zip(names, paper, model, strict=True):
            rows.append(
                derived(f"F53.{number}.{name}", f"{name.replace('_', '-')}, {volumes[0]} and {volumes[1]} GB", unit, printed, value)
            )
        overlapped = link_reuse.overlapped_time(context, expert, 100 * GB) / reuse
        rows.append(derived(f"F53.{number}.overlapped", f"ratio, phases at once, {volumes[0]} and {volumes[1]} GB", "x", 1, overlapped))
    return rows


def split_rows() -> list[Row]:
    """All of them."""
    return circulant_rows() + libra_rows() + gpt3_rows() + reuse_rows()
