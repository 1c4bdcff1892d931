"""Which design, workload or study does a file describe?"""

import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import jax

from codesign.cluster import Cluster
from codesign.config.calibration import calibrated, calibration_of
from codesign.config.catalogue import SHIPPED, Catalogue, config_folder, load_catalogue
from codesign.config.document import Document, read_document
from codesign.config.free_variables import package_paths, row_provenance
from codesign.config.laid_parts import PARTS, load_part, missing_parts
from codesign.config.parts import Loaded, read_module
from codesign.config.problems import ConfigError, Problem, nearest, shown_path
from codesign.config.schema import Number
from codesign.config.study_file import Reference, StudyFile, read_study
from codesign.config.traffic_file import legal_ranks
from codesign.config.traffic_table import read_demand
from codesign.config.validation import accuracy_of
from codesign.config.values import FABRIC, read_overrides
from codesign.config.workloads import family, parted, unknown_workload, workload_document, workload_documents
from codesign.design import Design, with_values
from codesign.fields import as_float
from codesign.performance.demand import Demand, demand_numbers
from codesign.tree import leaves
from codesign.workload.training import Workload


def _read_workload(document: Document) -> Loaded:
    return read_module(Workload, document.data, document, load_catalogue(config_folder(document.path)), ())


def load_workload(path: Path) -> Loaded:
    """A workload file, or one variant of a family: "file.toml#variant"."""
    return _read_workload(workload_document(path))


def load_family(path: Path) -> dict[str, Loaded]:
    """Every variant of a family file by name, none of a file without variants; all their problems at once."""
    loaded: dict[str, Loaded] = {}
    problems: list[Problem] = []
    for name, variant in family(read_document(path)).items():
        try:
            loaded[name] = _read_workload(variant)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return loaded


def load_workload_named(name: str, folder: Path = SHIPPED) -> Loaded:
    """The workload of that name, alone in a file or a variant, of a configuration folder."""
    workloads = folder / "workloads"
    documents = workload_documents(workloads)
    if name not in documents:
        raise ConfigError([Problem(shown_path(workloads), 0, name, unknown_workload(name, workloads))])
    return _read_workload(documents[name])


def _workload(name: str, document: Document, catalogue: Catalogue) -> Loaded:
    """The workload a design or study names: a path beside it, or a name in the catalogue's folder."""
    if parted(Path(name))[0].suffix == ".toml":
        return load_workload(document.path.parent / name)
    workloads = catalogue.folder / "workloads"
    if name not in workload_documents(workloads):
        raise ConfigError([document.problem(("workload",), unknown_workload(name, workloads))])
    return load_workload_named(name, catalogue.folder)


def _system(name: str, document: Document, catalogue: Catalogue) -> Loaded:
    """The system a design or study names: a path beside it, or a name in the catalogue's folder."""
    if name.endswith(".toml"):
        return load_system(document.path.parent / name)
    folder = catalogue.folder / "systems"
    known = [p.stem for p in folder.glob("*.toml")]
    if name not in known:
        raise ConfigError([document.problem(("system",), f"no file '{name}' in systems" + nearest(name, known))])
    return load_system(folder / f"{name}.toml")


def load_system(path: Path) -> Loaded:
    """A system file: a cluster."""
    document, catalogue = read_document(path), load_catalogue(config_folder(path))
    calibration = calibration_of(document, catalogue)
    data = calibrated(document.data, calibration) if calibration else document.data
    return read_module(Cluster, data, document, catalogue, ())._replace(calibration=calibration)


def _parts(document: Document, catalogue: Catalogue) -> tuple[dict[str, Loaded], dict[str, Loaded]]:
    """System and workload named by a design or study file, and what it lays over them; all their problems at once."""
    problems = missing_parts(document)
    parts: dict[str, Loaded] = {}
    laid: dict[str, Loaded] = {}
    for key, loader in (("system", _system), ("workload", _workload)):
        name = document.data.get(key)
        try:
            if not isinstance(name, str):
                raise ConfigError([document.problem((key,), f"expected the name of a {key}, or a path to its file")])
            parts[key] = loader(name, document, catalogue)
        except ConfigError as error:
            problems += error.problems
    for name in PARTS:
        try:
            found = load_part(name, document, catalogue)
        except ConfigError as error:
            problems += error.problems
            continue
        laid |= {name: found} if found is not None else {}
    if problems:
        raise ConfigError(problems)
    return parts, laid


class Point(NamedTuple):
    """A design with its workload, and where every number comes from."""

    design: Design
    workload: Workload
    provenance: dict[str, Number]
    labels: dict[str, str]
    accuracy: str = ""
    demand: Demand | None = None


def _point(document: Document, catalogue: Catalogue) -> Point:
    parts, laid = _parts(document, catalogue)
    system, workload = parts["system"], parts["workload"]
    places = {"mapping": "mapping", "deployment": "deployment", "serving": "workload.serving"}
    homes = {"cluster": system, "workload": workload} | {places[name]: part for name, part in laid.items()}
    provenance = {f"{home}.{k}": v for home, part in homes.items() for k, v in part.provenance.items()}
    title = str(document.data.get("title", document.path.stem))
    labels = {"title": title, "system": system.label, "workload": workload.label}
    mapping, deployment, serving = (laid[name].module if name in laid else None for name in PARTS)
    whole = Workload(workload.module.model, workload.module.training, serving)
    return Point(Design(system.module, mapping, deployment), whole, provenance, labels, accuracy_of(system.calibration))


def with_demand(design: Design, workload: Workload, demand: Demand) -> tuple[Design, Workload]:
    """Design and workload with the numbers that the traffic gives."""
    assert design.mapping is not None, "traffic is refused at the door where nothing is trained"
    with jax.enable_x64(True):
        numbers = demand_numbers(demand, design.cluster, design.mapping)
        return with_values(design, workload, {path: as_float(number) for path, number in numbers.items()})


def rank_problems(document: Document, demand: Demand, design: Design) -> list[Problem]:
    """A problem when the degree of expert parallelism does not fit the matrix, naming the nearest that does."""
    if design.mapping is None:
        return [document.problem(("traffic",), "is that of a training step: it needs [mapping]")]
    legal, ep = legal_ranks(demand.matrix), float(design.mapping.ep)
    if ep in legal:
        return []
    close = min(legal, key=lambda degree: abs(degree - ep))
    text = f"ep {ep:g} does not divide the {len(demand.matrix)} ranks of the traffic; the nearest degree that does is {close}"
    return [document.problem(("traffic",), text)]


def packaging_label(design: Design, catalogue: Catalogue) -> str:
    """The row whose constants the design's package is priced with: the one that has all its numbers, or the nearest of them, changed."""
    own = [float(value) for _, _, value in leaves(design.cluster.device.package.packaging)]
    apart = {}
    for row in catalogue.rows["packagings"].values():
        numbers = [float(value) for _, _, value in leaves(row.module)]
        apart[row.label] = sum(a != b for a, b in zip(own, numbers, strict=True))
    label = min(apart, key=lambda name: apart[name])
    return label + (f", {apart[label]} numbers changed" if apart[label] else "")


DESIGN_KEYS = {"title", "note", "system", "workload", "mapping", "serving", "deployment", "set", "traffic"}


def _changed_provenance(before: dict[str, Number], changes: dict[str, Any], catalogue: Catalogue) -> dict[str, Number]:
    """Where numbers come from when some are set anew: those of a row that is named, none of a number that is given."""
    kept = {path: number for path, number in before.items() if not any(f"{path}.".startswith(f"{gone}.") for gone in changes)}
    return kept | row_provenance(changes, catalogue)


def _changed_point(document: Document, catalogue: Catalogue) -> Point:
    """The base point with the changes of `[set]`."""
    point = _point(document, catalogue)
    changed, problems = read_overrides(document, ("set",), document.data.get("set", {}), point, catalogue)
    if problems:
        raise ConfigError(problems)
    labels = point.labels | {"packaging": packaging_label(changed[0], catalogue)}
    provenance = _changed_provenance(point.provenance, document.data.get("set", {}), catalogue)
    point = point._replace(design=changed[0], workload=changed[1], labels=labels, provenance=provenance)
    demand, problems = read_demand(document, float(point.workload.model.experts), float(point.design.cluster.pod.size))
    if demand is not None:
        problems += rank_problems(document, demand, point.design)
    if problems or demand is None:
        if problems:
            raise ConfigError(problems)
        return point
    design, workload = with_demand(point.design, point.workload, demand)
    return point._replace(design=design, workload=workload, demand=demand)


def load_design(path: Path, settings: tuple[str, ...] = ()) -> Point:
    """A design file: system, workload, mapping, and `[set]` with changes by path."""
    document = read_document(path)
    catalogue = load_catalogue(config_folder(path))
    problems = [document.problem((k,), "unknown key" + nearest(k, DESIGN_KEYS)) for k in document.data if k not in DESIGN_KEYS]
    _apply_settings(document, settings, problems)
    try:
        point = _changed_point(document, catalogue)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return point


def load_study(path: Path, settings: tuple[str, ...] = ()) -> tuple[Point, StudyFile, Catalogue]:
    """A study file: a base point and what is free around it; `settings` are "path=value" from the command line."""
    document = read_document(path)
    catalogue = load_catalogue(config_folder(path))
    problems: list[Problem] = []
    _apply_settings(document, settings, problems)
    try:
        point = _changed_point(document, catalogue)
    except ConfigError as error:
        _, more = read_study(document, None, catalogue)
        raise ConfigError([*problems, *error.problems, *more]) from None
    study, more = read_study(document, point, catalogue)
    if problems or more or study is None:
        raise ConfigError([*problems, *more])
    return point, _with_demand_in_references(document, study), catalogue


def _with_demand_in_references(document: Document, study: StudyFile) -> StudyFile:
    """The study with its traffic in every reference, whose expert ranks must divide it."""
    demand = study.demand
    if demand is None:
        return study
    if problems := [p for r in study.references for p in rank_problems(document, demand, r.design)]:
        raise ConfigError(problems)
    references = (Reference(r.name, *with_demand(r.design, r.workload, demand)) for r in study.references)
    return study._replace(references=tuple(references))


def _apply_settings(document: Document, settings: tuple[str, ...], problems: list[Problem]) -> None:
    """Put "path=value" settings into the document: design paths into `[set]`, others as written."""
    for setting in settings:
        path, mark, text = setting.partition("=")
        if not mark:
            problems.append(Problem("--set", 0, setting, "expected path=value"))
            continue
        value = _literal(text)
        if path.split(".")[0] in ("cluster", "workload", "mapping", "deployment") and "." in path:
            taken = [name for name, paths in package_paths(document.data).items() if path in paths]
            if taken:
                problems.append(Problem("--set", 0, path, f"is set by the choices of '{taken[0]}'; change the study"))
                continue
            for free in ("discrete", "continuous"):
                if isinstance(document.data.get(free), dict):
                    document.data[free].pop(path, None)
            if path.startswith(FABRIC + ".") and isinstance(document.data.get("discrete", {}).get(FABRIC), list):
                document.data["discrete"][path] = [value]
                continue
            path = f"set.{path}"
        _put(document.data, path, value, setting, problems)


def _put(data: dict[str, Any], path: str, value: Any, setting: str, problems: list[Problem]) -> None:
    """`value` at `path`, of which everything behind "set." is one key."""
    parts = ["set", path.removeprefix("set.")] if path.startswith("set.") else path.split(".")
    for part in parts[:-1]:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            problems.append(Problem("--set", 0, setting, f"'{part}' is not a table"))
            return
    data[parts[-1]] = value


def _literal(text: str) -> Any:
    """A TOML value if `text` is one, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


__all__ = ["Loaded", "Point", "load_design", "load_family", "load_study", "load_system", "load_workload", "load_workload_named"]
