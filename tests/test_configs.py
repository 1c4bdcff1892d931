"""Is every shipped number read, labelled, sourced and in agreement with what its note claims?"""

import csv
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_run import CONFIGS

from codesign.api import load
from codesign.cluster import Cluster
from codesign.config import load_design, load_family, load_study, load_system, load_workload
from codesign.config.catalogue import ASSUMPTION, SHIPPED, TABLES, load_catalogue
from codesign.config.tables import FABRICS
from codesign.design import Design
from codesign.legal import broken_rules
from codesign.physical.built import built
from codesign.physical.floorplan import memory_edge_demand, memory_edge_supply, package_area
from codesign.physical.power import package_power
from codesign.study import Study
from codesign.topology.switched_pod import SwitchedPod
from codesign.tree import leaves
from codesign.units import parse_quantity, to_unit
from codesign.workload.training import Workload

LOADERS = {"workloads": load_workload, "systems": load_system, "designs": load_design, "studies": load_study}
KINDS = {"workloads": Workload, "systems": Cluster, "studies": Study}
FILES = sorted(CONFIGS.rglob("*"))
TOML = [path for path in FILES if path.is_file()]


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def named(path: Path) -> str:
    return path.relative_to(CONFIGS).as_posix()


ROWS = [(p.stem, name) for p in TOML if p.parent.name == "technology" for name in read(p)]
DESCRIBED = [p for p in TOML if p.parent.name in LOADERS]
FAMILIES = [p for p in DESCRIBED if "variants" in read(p)]
SOURCES = read(CONFIGS / "sources.toml")


def sources_in(data: Any) -> Iterator[str]:
    """Every value of a key `source`, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from [value] if key == "source" else sources_in(value)


def test_every_file_is_of_a_kind_that_is_read():
    assert SHIPPED == CONFIGS
    read_elsewhere = [p for p in TOML if p.parent.name in ("calibrations", "traffic", "validation")]
    known = {
        CONFIGS / "sources.toml",
        *DESCRIBED,
        *read_elsewhere,
        *(CONFIGS / "technology" / f"{table}.toml" for table in (*TABLES, "fabrics")),
    }
    assert set(TOML) == known
    assert all(any(p.parent.name == kind for p in TOML) for kind in LOADERS)


@pytest.mark.parametrize(("table", "name"), ROWS)
def test_row(table, name):
    row, raw = load_catalogue(CONFIGS).rows[table][name], read(CONFIGS / "technology" / f"{table}.toml")[name]
    assert isinstance(row.module, FABRICS[raw["kind"]] if table == "fabrics" else TABLES[table])
    assert row.label == raw["label"] != name
    values = {path: (declared, float(value)) for path, declared, value in leaves(row.module)}
    assert set(values) == set(row.provenance)
    for path, number in row.provenance.items():
        declared, value = values[path]
        assert number.source == ASSUMPTION or number.source in SOURCES, path
        assert declared.low <= value <= declared.high, path
        low, high = number.value if number.low is None else number.low, number.value if number.high is None else number.high
        assert low <= number.value <= high, path
        assert value == pytest.approx(number.value, rel=1e-6), path


@pytest.mark.parametrize("path", [p for p in DESCRIBED if p not in FAMILIES], ids=named)
def test_file_loads(path):
    data, kind = read(path), path.parent.name
    loaded = LOADERS[kind](path)
    assert data.get("title", data.get("label", "")), "a file says in words what it is"
    if kind == "designs":
        assert isinstance(load(path).design, Design)
        return
    assert isinstance(load(path), KINDS[kind])
    for where, number in (loaded[0] if kind == "studies" else loaded).provenance.items():
        if not where.startswith(("mapping.", "deployment.")):
            assert number.source == ASSUMPTION or number.source in SOURCES, where


@pytest.mark.parametrize("path", FAMILIES, ids=named)
def test_workload_family_loads(path):
    data, family = read(path), load_family(path)
    assert path.parent.name == "workloads"
    assert set(family) == set(data["variants"])
    assert len({workload.label for workload in family.values()} | {data["label"]}) == len(family) + 1
    for name, workload in family.items():
        assert isinstance(load(f"{path}#{name}"), Workload)
        assert workload.label == data["variants"][name]["label"] != name
        assert all(number.source == ASSUMPTION or number.source in SOURCES for number in workload.provenance.values())


def test_every_source_is_described_and_used():
    assert all(entry.keys() == {"title", "where"} and all(entry.values()) for entry in SOURCES.values())
    used = {source for path in TOML if path.suffix == ".toml" for source in sources_in(read(path))} | {"calibration"}
    assert used <= {*SOURCES, ASSUMPTION}
    assert not set(SOURCES) - used, "listed in sources.toml, used by no row"


@pytest.mark.parametrize("path", [p for p in DESCRIBED if p.parent.name == "designs"], ids=named)
def test_a_published_design_uses_all_devices_and_is_legal(path):
    design, workload = load_design(path)[:2]
    if design.mapping is not None:
        assert float(design.mapping.ranks) == float(design.cluster.devices)
    assert broken_rules(design, workload) == []


def rows(table: str) -> Any:
    return {name: row.module for name, row in load_catalogue(CONFIGS).rows[table].items()}


DENSITIES = {"passage_interposer": 160, "cpo": 24.38, "lpo": 1.34, "pluggable": 1.34, "passage_engine": 80}


@pytest.mark.parametrize(("name", "density"), DENSITIES.items())
def test_density_of_a_link(name, density):
    """arXiv 2510.15893 Table III, in Gb/s per mm2."""
    assert to_unit(float(rows("links")[name].density), "Gb/s/mm2") == pytest.approx(density, abs=0.005 * density)


def test_energies_of_links():
    """pJ/bit per end: in the package, and with everything outside it; CPO from 241 W and 118 W per 51.2 Tb/s."""
    expected = {"copper": (5, 5), "pluggable": (5, 21), "lpo": (5, 13), "passage_interposer": (3.2, 4.3), "passage_engine": (3.7, 4.8)}
    for name, energies in (expected | {"cpo": (5 + 241 / 51.2, 5 + 359 / 51.2)}).items():
        link = rows("links")[name]
        found = [to_unit(float(e), "pJ/bit") for e in (link.energy_in_package, link.energy)]
        assert found == pytest.approx(energies, rel=0.003), name


def test_memories_and_dies_make_the_published_packages():
    memories, dies = rows("memories"), rows("dies")
    assert to_unit(float(16 * memories["hbm4"].bandwidth), "Tb/s") == pytest.approx(209.7, abs=0.05)
    assert float(5 * memories["hbm3"].bandwidth) == pytest.approx(3.35e12)
    assert float(5 * memories["hbm3"].capacity) == pytest.approx(80 * 2**30)
    assert float(4 * dies["passage_reticle"].peak_flops) == pytest.approx(8.5e15)
    assert to_unit(float(dies["passage_reticle"].area), "mm2") == pytest.approx(858)
    for name, area in {"a100": 826, "h100": 814, "b200": 800, "b300": 800}.items():
        assert to_unit(float(dies[name].area), "mm2") == pytest.approx(area, rel=2e-3), name
    for name, die in dies.items():
        eight, four = float(die.peak_flops_8bit / die.peak_flops), float(die.peak_flops_4bit / die.peak_flops_8bit)
        assert eight == 1 or 1.9 < eight < 2.1, name
        assert 1 <= four < 3.2, name


PER_CLOCK = {"a100": (16, 1.41), "h100": (16, 1.85), "b200": (16, 1.85), "gb200": (16, 2.06), "b300": (32, 1.85), "gb300": (32, 2.2)}


@pytest.mark.parametrize(("name", "units", "clock"), [(name, *figures) for name, figures in PER_CLOCK.items()])
def test_exponentials_follow_from_processors_and_clock(name, units, clock):
    die = rows("dies")[name]
    assert float(die.exponential_rate) == pytest.approx(float(die.processors) * units * clock * 1e9, rel=0.03)


def test_switches_carry_what_their_notes_say():
    pod, ethernet = rows("switches")["pod_512"], rows("switches")["ethernet_128"]
    assert to_unit(float(pod.bandwidth), "Tb/s") == pytest.approx(204.8)
    assert to_unit(float(pod.raw_bandwidth), "Tb/s") == pytest.approx(229, abs=0.5)
    assert to_unit(float(pod.shoreline), "mm") == pytest.approx(128 * 3 / 1.5)
    assert to_unit(float(ethernet.bandwidth), "Tb/s") == pytest.approx(51.2)
    assert float(ethernet.price_per_bandwidth) * parse_quantity("400 Gb/s", "Gb/s") == pytest.approx(1090, rel=0.001)


SYSTEMS = sorted(path.stem for path in DESCRIBED if path.parent.name == "systems")
PORTS = {"passage": 80, "passage_electrical": 36, "h800": 4, "ascend_npu": 4}
PORTS |= dict.fromkeys(("dgx_a100_selene", "dgx_a100_vtrain", "jean_zay_a100"), 12)


def cluster_of(system: str) -> Any:
    return load_system(CONFIGS / "systems" / f"{system}.toml").module


@pytest.mark.parametrize("system", SYSTEMS)
def test_systems_fit_together(system):
    """The bandwidth is a whole number of ports; the stated package and fabric hold what they must."""
    cluster = cluster_of(system)
    if isinstance(cluster.pod.network, SwitchedPod):
        assert float(cluster.pod.network.switches(cluster.pod_ends)) == pytest.approx(PORTS.get(system, 18))
    cluster = built(cluster)
    device, package = cluster.device, cluster.device.package
    assert float(package_area(cluster)) <= float(package.area_limit)
    assert float(memory_edge_demand(cluster)) <= float(memory_edge_supply(cluster)) * (1 + 1e-6)
    assert float(package_power(cluster)) <= float(package.power_limit)
    pod, fabric = cluster.pod.network.limits(cluster.pod_ends), cluster.fabric.limits(cluster.fabric_ends)
    assert float(cluster.pod.size) <= float(pod.capacity)
    assert float(pod.host_span) <= float(device.scale_up.link.reach) * (1 + 1e-6)
    assert float(cluster.devices) <= float(fabric.capacity)
    assert float(fabric.trunk_span) <= float(fabric.trunk_reach)
    assert float(cluster.devices % cluster.pod.size) == 0 or system == "passage_electrical"
    assert isinstance(read(CONFIGS / "systems" / f"{system}.toml")["stack"], str)


PUBLISHED_KEYS = ("tflops_16bit", "tflops_8bit", "tflops_4bit", "gib", "tb_s", "scale_up_gb_s", "scale_out_gbit_s", "tdp_w", "pod")
"""Of one package, from data sheets: dense peaks, memory, per-direction bandwidths, board power; pods in devices."""
PUBLISHED = {
    "dgx_a100_selene": (312, None, None, 80, 2.039, 300, 200, 400, 8),
    "dgx_a100_vtrain": (312, None, None, 80, 2.039, 300, 100, 400, 8),
    "jean_zay_a100": (312, None, None, 80, 2.039, 300, 50, 400, 8),
    "dgx_h100": (989, 1979, None, 80, 3.35, 450, 400, 700, 8),
    "eos_dgx_h100": (989, 1979, None, 80, 3.35, 450, 400, 700, 8),
    "llama3_roce_h100": (989, 1979, None, 80, 3.35, 450, 400, 700, 8),
    "h800": (989, 1979, None, 80, 3.35, 200, 400, 700, 8),
    "dgx_h200": (989, 1979, None, 140.4, 4.8, 450, 400, 700, 8),
    "dgx_b200": (2250, 4500, 9000, 180, 7.7, 900, 400, 1000, 8),
    "dgx_b300": (2250, 4500, 14000, 268.6, 7.75, 900, 800, 1100, 8),
    "gb200_nvl72": (2500, 5000, 10000, 185, 8, 900, 400, 1200, 72),
    "gb300_nvl72": (2500, 5000, 15000, 277.5, 8, 900, 800, 1400, 72),
    "mixnet_sim": (312, None, None, 80, 2.039, 900, 400, 400, 8),
}


@pytest.mark.parametrize("system", PUBLISHED)
def test_a_system_has_its_published_figures(system):
    """Where a die has no 8-bit or 4-bit unit, its peak is that of the next wider format."""
    cluster = cluster_of(system)
    device, package, die = cluster.device, cluster.device.package, cluster.device.package.die
    sixteen, eight, four, *rest = PUBLISHED[system]
    peaks = [to_unit(float(package.dies * peak), "TFLOP/s") for peak in (die.peak_flops, die.peak_flops_8bit, die.peak_flops_4bit)]
    assert peaks == pytest.approx([sixteen, eight or sixteen, four or eight or sixteen])
    found = [
        to_unit(float(package.stacks * package.memory.capacity), "GiB"),
        to_unit(float(package.memory_bandwidth), "TB/s"),
        to_unit(float(device.scale_up.bandwidth), "GB/s"),
        to_unit(float(device.scale_out.bandwidth), "Gb/s"),
        to_unit(float(package.power_limit), "W"),
        float(cluster.pod.size),
    ]
    assert found == pytest.approx(rest, rel=1e-5)


@pytest.mark.parametrize("system", [*PUBLISHED, "ascend_npu"])
def test_start_ups_of_a_real_machine(system):
    """A ring step takes about 2 us in the pod and 8 us between pods, within the tuning constants of NCCL."""
    cluster = cluster_of(system)
    assert 1 <= to_unit(float(cluster.pod.network.switch.latency), "us") <= 3.4
    assert 4 <= to_unit(float(cluster.fabric.latency), "us") <= 14


CSV_COLUMNS = {
    "peak_bf16_tflops_dense": "tflops_16bit",
    "peak_fp8_tflops_dense": "tflops_8bit",
    "peak_fp4_tflops_dense": "tflops_4bit",
    "hbm_gib": "gib",
    "hbm_tb_s": "tb_s",
    "scaleup_gb_s_per_direction": "scale_up_gb_s",
    "scaleout_gbit_s_per_gpu": "scale_out_gbit_s",
    "tdp_w": "tdp_w",
    "gpus_per_scaleup_domain": "pod",
}


def test_published_figures_agree_with_the_validation_data():
    path = CONFIGS.parents[1] / "shared" / "validation" / "systems.csv"
    if not path.is_file():
        pytest.skip("the validation data are not beside the repository")
    with path.open(encoding="utf-8", newline="") as file:
        table = {row["id"]: row for row in csv.DictReader(file)}
    assert set(table) == {*PUBLISHED, "ascend_npu"} <= set(SYSTEMS)
    for name, row in table.items():
        known = dict(zip(PUBLISHED_KEYS, PUBLISHED.get(name, ()), strict=False))
        for column, key in CSV_COLUMNS.items():
            if row[column]:
                assert known[key] == pytest.approx(float(row[column])), (name, column)
