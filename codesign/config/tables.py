"""Which tables are there under `technology/`, and of what is a row?"""

from typing import Any, NamedTuple

from codesign.cluster import Cluster, Facility
from codesign.config.schema import Number, members_at, snake
from codesign.hardware.cooling import Cooling
from codesign.hardware.designed_die import DesignedDie
from codesign.hardware.die import Die
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.memory import Memory
from codesign.hardware.optical_link import OpticalLink
from codesign.hardware.packaging import Packaging
from codesign.hardware.photonics import Photonics
from codesign.hardware.process import Process
from codesign.hardware.serialiser import Serialiser
from codesign.hardware.switch import CircuitSwitch, Switch
from codesign.mapping.deployment import ServingSchedule
from codesign.mapping.schedule import Schedule
from codesign.performance.failures import Reliability
from codesign.workload.precision import Precision
from codesign.workload.serving import ServingLoad


class Row(NamedTuple):
    """One named part: the Module, where its numbers come from, and the raw table it was read from."""

    name: str
    label: str
    note: str
    module: Any
    provenance: dict[str, Number]
    raw: dict[str, Any]


TABLES: dict[str, type] = {
    "processes": Process,
    "packagings": Packaging,
    "dies": Die,
    "designed_dies": DesignedDie,
    "memories": Memory,
    "links": Link,
    "serialisers": Serialiser,
    "photonics": Photonics,
    "optical_links": OpticalLink,
    "switches": Switch,
    "interfaces": Interface,
    "circuit_switches": CircuitSwitch,
    "coolings": Cooling,
    "facilities": Facility,
    "failures": Reliability,
    "precisions": Precision,
    "schedules": Schedule,
    "serving_schedules": ServingSchedule,
    "serving_loads": ServingLoad,
}
FABRICS = {snake(member.__name__): member for member in members_at(Cluster, "fabric")}
"""Classes of the rows of `fabrics`, by the `kind` that a row states."""


def table_of(cls: type) -> str | None:
    """The table whose rows are of class `cls`, if there is one."""
    if cls in FABRICS.values():
        return "fabrics"
    return next((name for name, row_class in TABLES.items() if row_class is cls), None)
