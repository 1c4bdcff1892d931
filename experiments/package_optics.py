"""Do optical links cost what is published, from losses to pJ/bit, mm2 and kW of a pod?

O19 to O29 hold the published rows and the links built from physics against arXiv 2510.15893; O30 to O38 the link
budget, term by term; O39 to O41 switches and pods. Rows U say how far the unknown losses move the answer.
"""

import sys
from typing import Any

import jax
from claim import ROOT, Row, parser, percent, rounded, show
from package_optics_budget import budget_rows, laser_rows, outside_rows, pj, receiver_rows, uncertainty_rows
from passage import tb, watts

from codesign import tree
from codesign.config import load_system
from codesign.config.catalogue import load_catalogue
from codesign.fields import as_float
from codesign.physical.fibre import fibre_rate
from codesign.physical.floorplan import core_area
from codesign.physical.optical_engine import built_link, edge_density, fibres
from codesign.physical.power import link_power
from codesign.units import parse_quantity, to_unit

CONFIGS = ROOT / "configs"
NAMES = {"lpo": "LPO", "cpo": "CPO", "passage_interposer": "Passage", "pluggable": "pluggable"}


def tables() -> tuple[dict[str, Any], dict[str, Any]]:
    """Rows of links, and of optical links, by name."""
    rows = load_catalogue(CONFIGS).rows
    return tuple({name: row.module for name, row in rows[table].items()} for table in ("links", "optical_links"))


def energy_rows(links: dict[str, Any], optical: dict[str, Any]) -> list[Row]:
    """O19 to O25: energies of rows and of presets, watts of devices and switches."""
    passage, cpo = links["passage_interposer"], links["cpo"]
    built = {name: built_link(design) for name, design in optical.items()}
    rows = [
        percent("O19", "Passage, published row", "pJ/bit", 4.3, pj(passage.energy)),
        percent("O19.in", "Passage, in the package", "pJ/bit", 3.2, pj(passage.energy_in_package)),
        percent("O19.off", "Passage, off the package", "pJ/bit", 1.1, pj(passage.energy_off_package)),
        percent("O19.physics", "Passage, from losses (calibrated)", "pJ/bit", 4.3, pj(built["passage_56g_x8"].energy)),
        percent("O19.physics.in", "Passage, from losses, in the package", "pJ/bit", 3.2, pj(built["passage_56g_x8"].energy_in_package)),
        percent("O19.engine", "3D engine beside the host, from losses", "pJ/bit", 4.8, pj(built["passage_engine_56g_x8"].energy)),
        percent("O19.112g", "interposer, 112G PAM4, from losses", "pJ/bit", 3.3, pj(built["passage_112g_x8"].energy)),
        percent("O20", "LPO", "pJ/bit", 13, pj(links["lpo"].energy)),
        percent("O21", "CPO, published row", "pJ/bit", 12, pj(cpo.energy)),
        percent("O21.engine", "CPO engine (241 W per 51.2 Tb/s)", "pJ/bit", 241 / 51.2, pj(cpo.energy_engine)),
        percent("O21.laser", "CPO laser (118 W per 51.2 Tb/s)", "pJ/bit", 118 / 51.2, pj(cpo.energy_laser)),
        Row("O21.physics", "CPO, from losses (laser within 1.5 dB)", "pJ/bit", 12, pj(built["cpo_fr4"].energy), 11.33, 12.96),
        percent("O22", "pluggable", "pJ/bit", 21, pj(links["pluggable"].energy)),
    ]
    published = {"lpo": 416, "cpo": 384, "passage_interposer": 137.6}
    rows += [percent(f"O23.{NAMES[n].lower()}", f"{NAMES[n]}, 32 Tb/s", "W", p, watts(links[n], tb(32))) for n, p in published.items()]
    rows.append(percent("O23.physics", "Passage from losses, 32 Tb/s", "W", 137.6, watts(built["passage_56g_x8"], tb(32))))
    rows.append(percent("O23.ratio", "CPO over Passage", "x", 2.79, cpo.energy / passage.energy))
    for paper, energy in ((72, 5), (288, 20)):
        power = link_power(tb(14.4), parse_quantity(f"{energy} pJ/bit", "pJ/bit"))
        rows.append(percent(f"O24.{energy}", f"14.4 Tb/s at {energy} pJ/bit", "W", paper, power))
    saved = watts(cpo, tb(200)) - watts(passage, tb(200))
    return [*rows, percent("O25", "saved in a 200 Tb/s switch, CPO to Passage", "kW", 1.54, saved / 1e3)]


def area_rows(links: dict[str, Any], optical: dict[str, Any]) -> list[Row]:
    """O26 to O29: area, package growth, density."""
    core = core_area(load_system(CONFIGS / "systems" / "passage.toml").module.device.package)
    preset = optical["passage_56g_x8"]
    parts = {name: links[name] for name in ("lpo", "cpo", "passage_interposer")} | {"physics": built_link(preset)}
    area = {name: tb(32) / link.density for name, link in parts.items()}
    density = {name: to_unit(link.density, "Gb/s/mm2") for name, link in parts.items()}
    return [
        percent("O26.lpo", "LPO, 32 Tb/s: 10 modules", "mm2", 23890, to_unit(area["lpo"], "mm2")),
        percent("O26.cpo", "CPO, 32 Tb/s", "mm2", 1312, to_unit(area["cpo"], "mm2")),
        percent("O26.passage", "Passage, 32 Tb/s", "mm2", 200, to_unit(area["passage_interposer"], "mm2")),
        percent("O26.physics", "Passage from fibres and depth, 32 Tb/s", "mm2", 200, to_unit(area["physics"], "mm2")),
        percent("O27.core", "GPU package without optics", "mm2", 5720, to_unit(core, "mm2")),
        percent("O27.cpo", "package growth with CPO", "%", 22.9, 100 * area["cpo"] / core),
        percent("O27.passage", "package growth with Passage", "%", 3.5, 100 * area["passage_interposer"] / core),
        Row("O28.lpo", "Passage over LPO density", "x", 123, density["physics"] / density["lpo"], 160 / 1.35, 160 / 1.25),
        percent("O28.cpo", "Passage over CPO density", "x", 6.6, density["physics"] / density["cpo"]),
        percent("O29", "Passage density", "Gb/s/mm2", 160, density["physics"]),
        percent("O29.edge", "Passage per package edge and direction", "GB/s/mm", 100, to_unit(edge_density(preset), "GB/s/mm")),
        percent("O29.fibres", "fibres of a 32 Tb/s device (two directions of 400 Gb/s)", "1", 160, fibres(preset, as_float(tb(32)))),
        percent("O29.fibre", "raw rate of a fibre, 16 x 112G", "Tb/s", 1.792, to_unit(_fibre(optical["passage_112g_x16"]), "Tb/s")),
    ]  # fmt: skip


def _fibre(link: Any) -> Any:
    return fibre_rate(link.wavelengths, link.rate)


def switch_rows(links: dict[str, Any], optical: dict[str, Any]) -> list[Row]:
    """O39 to O41: rails of a pod, its link power, a switch's shoreline."""
    passage, electrical = (load_system(CONFIGS / "systems" / f"{name}.toml").module for name in ("passage", "passage_electrical"))
    switch = passage.pod.network.switch
    rails = passage.pod.network.switches(passage.pod_ends)
    devices = passage.pod.size * passage.device.scale_up.bandwidth
    rows = [
        rounded("O39.rails", "switches of a pod, 32 Tb/s per device", "1", 80, rails, 0),
        percent("O39.switches", "bandwidth of these switches", "Tb/s", 16384, to_unit(rails * switch.bandwidth, "Tb/s"), 1e-6),
        percent("O39.devices", "bandwidth of its 512 devices", "Tb/s", 16384, to_unit(devices, "Tb/s"), 1e-6),
        rounded(
            "O39.electrical", "switches of a pod, 14.4 Tb/s per device", "1", 36, electrical.pod.network.switches(electrical.pod_ends), 0
        ),
    ]
    ends = {
        "passage": links["passage_interposer"],
        "cpo": links["cpo"],
        "lpo": links["lpo"],
        "physics": built_link(optical["passage_56g_x8"]),
    }
    for name, paper in (("passage", 140.9), ("cpo", 393), ("lpo", 426), ("physics", 140.9)):
        port = tree.put(passage, {"device.scale_up.link": ends[name]})
        power = port.pod.network.bill(port.pod_ends).host_ends.watts
        rows.append(percent(f"O40.{name}", f"links of a pod, both ends, {name}", "kW", paper, power / 1e3))
    return [*rows, percent("O41", "serialiser shoreline of a switch", "mm", 256, to_unit(switch.shoreline, "mm"))]


def optics_rows() -> list[Row]:
    """Every row, O19 to O41 and U."""
    links, optical = tables()
    rows = [*energy_rows(links, optical), *area_rows(links, optical), *receiver_rows(optical), *budget_rows(optical)]
    rows += [*laser_rows(optical), *outside_rows(optical), *switch_rows(links, optical)]
    return [*rows, *uncertainty_rows(optical)]


ASSUMPTIONS = [
    "losses and penalties of a platform are defaults with ranges, most of them assumptions; of Passage only totals are published",
    "the residual of 1.08 dB makes the laser of 56G x 8 the published 1.1 pJ/bit; all rows of that platform carry it, O32 takes it off",
    "O19.112g: 3.3 pJ/bit is derived with the laser of 56G x 8; PAM4 needs 8 % more laser and less tuning per bit",
    "energies are those of raw bits and are charged to usable ones (400 of 448 Gb/s), as the paper does",
    "crosstalk and laser noise are no less than stated; they grow beyond that with rate, levels and narrower spacing",
    "O21.physics, O34: FR4 class, multiplexer loss and laser efficiency are assumptions; connectors lie in the standard's channel",
    "O34.receiver: the source calls the noise slope irrelevant at 53 GBd: without it; with the platform's 0.5 it is 3.3 % lower",
    "O37: path loss of Etalon's preset as one number, given to couplers and waveguides; crosstalk and laser noise left out as there",
    "O38: other devices of other years; only the order of magnitude is held",
    "O28, O29: 160 over 1.3 as the paper rounds it",
]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("Optical links from losses to pods (arXiv 2510.15893 and others)", optics_rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
