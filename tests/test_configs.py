"""Is every shipped number read, labelled, sourced and in agreement with what its note claims?"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_run import CONFIGS

from codesign.api import load
from codesign.config import load_design, load_study, load_system, load_workload
from codesign.config.catalogue import ASSUMPTION, SHIPPED, TABLES, load_catalogue
from codesign.design import Design
from codesign.fields import quantities
from codesign.hardware.cluster import Cluster
from codesign.mapping.lattice import legality
from codesign.physical.floorplan import package_area
from codesign.study import Study
from codesign.topology.switched_pod import switches_per_pod
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
SOURCES = read(CONFIGS / "sources.toml")


def sources_in(data: Any) -> Iterator[str]:
    """Every value of a key `source`, at any depth."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from [value] if key == "source" else sources_in(value)


def test_every_file_is_of_a_kind_that_is_read():
    assert SHIPPED == CONFIGS
    known = {CONFIGS / "sources.toml", *DESCRIBED, *(CONFIGS / "technology" / f"{table}.toml" for table in TABLES)}
    assert set(TOML) == known
    assert all(any(p.parent.name == kind for p in TOML) for kind in LOADERS)


@pytest.mark.parametrize(("table", "name"), ROWS)
def test_row(table, name):
    row, raw = load_catalogue(CONFIGS).rows[table][name], read(CONFIGS / "technology" / f"{table}.toml")[name]
    assert isinstance(row.module, TABLES[table])
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


@pytest.mark.parametrize("path", DESCRIBED, ids=named)
def test_file_loads(path):
    data, kind = read(path), path.parent.name
    loaded = LOADERS[kind](path)
    assert data.get("title", data.get("label", "")), "a file says in words what it is"
    if kind == "designs":
        assert isinstance(load(path).design, Design)
        return
    assert isinstance(load(path), KINDS[kind])
    for where, number in (loaded[0] if kind == "studies" else loaded).provenance.items():
        if not where.startswith("mapping."):
            assert number.source == ASSUMPTION or number.source in SOURCES, where


def test_every_source_is_described_and_used():
    assert all(entry.keys() == {"title", "where"} and all(entry.values()) for entry in SOURCES.values())
    used = {source for path in TOML for source in sources_in(read(path))}
    assert used <= {*SOURCES, ASSUMPTION}
    assert not set(SOURCES) - used, "listed in sources.toml, used by no row"


@pytest.mark.parametrize("path", [p for p in DESCRIBED if p.parent.name == "designs"], ids=named)
def test_a_published_design_uses_all_devices_and_is_legal(path):
    design, workload = load_design(path)[:2]
    mapping, model, training = design.mapping, workload.model, workload.training
    assert float(mapping.ranks) == float(design.cluster.devices)
    degrees = {name: getattr(mapping, name) for name in quantities(mapping)}
    shapes = {name: getattr(model, name) for name in ("layers", "experts", "d_expert")} | {"heads": model.attention.heads}
    rules = legality(degrees, shapes | {"global_batch": training.global_batch, "sequence": training.sequence})
    assert [rule for rule, kept in rules.items() if not kept.all()] == []


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
    assert float(5 * memories["hbm3"].capacity) == pytest.approx(80e9)
    assert float(4 * dies["passage_reticle"].peak_flops) == pytest.approx(8.5e15)
    assert to_unit(float(dies["passage_reticle"].area), "mm2") == pytest.approx(858)
    assert to_unit(float(dies["h100"].area), "mm2") == pytest.approx(814, rel=1e-3)
    for die in dies.values():
        assert 1.9 < float(die.peak_flops_8bit / die.peak_flops) < 2.1


def test_switches_carry_what_their_notes_say():
    pod, ethernet = rows("switches")["pod_512"], rows("switches")["ethernet_128"]
    assert to_unit(float(pod.bandwidth), "Tb/s") == pytest.approx(204.8)
    assert to_unit(float(pod.raw_bandwidth), "Tb/s") == pytest.approx(229, abs=0.5)
    assert to_unit(float(pod.shoreline), "mm") == pytest.approx(128 * 3 / 1.5)
    assert to_unit(float(ethernet.bandwidth), "Tb/s") == pytest.approx(51.2)
    assert float(ethernet.price_per_bandwidth) * parse_quantity("400 Gb/s", "Gb/s") == pytest.approx(1090, rel=0.001)


@pytest.mark.parametrize(("system", "ports"), [("passage", 80), ("passage_electrical", 36), ("deepseek_h800", 4)])
def test_systems_fit_together(system, ports):
    """The bandwidth is a whole number of ports; the stated package holds its own dies, stacks and engines."""
    cluster = load_system(CONFIGS / "systems" / f"{system}.toml").module
    assert float(switches_per_pod(cluster)) == pytest.approx(ports)
    assert float(package_area(cluster.device)) <= float(cluster.device.package.area_limit)
    assert float(cluster.pod.size) <= float(cluster.pod.switch.radix)
    assert float(cluster.devices % cluster.pod.size) == 0 or system == "passage_electrical"
