"""Which measured runs does a CSV file hold, and what is wrong with it?

A file is told by its columns: training runs, serving units, MoE kernels, peers' accuracies, or tables that
are known but not predicted. Every problem is told with file and row; a row that is sound but
cannot be predicted is kept with the reason.
"""

import math
from pathlib import Path
from typing import NamedTuple

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.config.csv_rows import CsvRow, read_rows
from codesign.config.problems import ConfigError, Problem, nearest, shown_path
from codesign.config.serving_runs import SERVING, ServingRun, serving_run
from codesign.config.workloads import workload_names

TRAINING = (
    "name", "source", "model", "system", "precision", "n_gpus", "tp", "cp", "pp", "vpp", "dp", "ep", "etp",
    "micro_batch", "global_batch", "seq_len", "recompute", "sequence_parallel", "zero_stage", "metric", "value", "unit",
    "note",
)  # fmt: skip
KERNELS = (
    "tokens", "d_model", "d_expert", "n_experts", "top_k", "latency_s", "source",
)  # fmt: skip
PEERS = (
    "dataset", "peer", "n", "mape", "median_ape", "max_ape", "spearman", "source",
)  # fmt: skip
SCHEMAS = {"training": TRAINING, "serving": SERVING, "kernels": KERNELS, "peers": PEERS}
OTHERS = {
    "fabric": "a normalised packet simulation, compared by experiments/mixnet.py",
    "n_layers": "a table of models, not of runs",
    "gpus_per_scaleup_domain": "a table of systems, not of runs",
}
UNITS = {
    "step_time": ("s", 1.0),
    "tokens_per_s_per_gpu": ("tokens/s", 1.0),
    "model_tflops_per_gpu": ("TFLOP/s", 1e12),
    "mfu": ("fraction", 1.0),
    "peak_memory": ("GiB", 2.0**30),
    "param_opt_memory": ("GiB", 2.0**30),
    "activation_memory": ("GiB", 2.0**30),
    "energy": ("MWh", 3.6e9),
}
COUNTS = ("n_gpus", "tp", "cp", "pp", "vpp", "dp", "ep", "etp", "micro_batch", "global_batch", "seq_len")
OPTIONAL_COUNTS = ("vpp", "micro_batch")
RECOMPUTE = ("", "none", "selective", "full")


class Run(NamedTuple):
    """One measured figure of one training run; a count of None is not stated."""

    name: str
    source: str
    model: str
    system: str
    precision: str
    counts: dict[str, float | None]
    recompute: str
    sequence_parallel: bool
    zero_stage: float
    metric: str
    value: float
    note: str
    stack: str


class Kernel(NamedTuple):
    """One measured MoE feed-forward network on one device."""

    system: str
    tokens: float
    d_model: float
    d_expert: float
    experts: float
    top_k: float
    value: float

    @property
    def shape(self) -> str:
        """What all kernels of one model share."""
        return f"{self.d_model:g}x{self.d_expert:g}x{self.experts:g}x{self.top_k:g}"

    @property
    def name(self) -> str:
        """The shape and the number of tokens."""
        return f"{self.shape}_t{self.tokens:g}"


class Peer(NamedTuple):
    """The accuracy of another model on one data set, errors in per cent."""

    dataset: str
    peer: str
    n: str
    mape: float
    largest: float
    spearman: float
    source: str


class Table(NamedTuple):
    """What one file holds; `left_out` names rows that are not predicted, with the reason."""

    name: str
    runs: tuple[Run, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    peers: tuple[Peer, ...] = ()
    serving: tuple[ServingRun, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def _names() -> dict[str, list[str]]:
    catalogue = load_catalogue(SHIPPED)
    systems = [p.stem for p in sorted((SHIPPED / "systems").glob("*.toml"))]
    return {
        "model": sorted(workload_names(SHIPPED / "workloads")),
        "system": systems,
        "precision": ["", *catalogue.rows["precisions"]],
        "stack": ["", *catalogue.rows["schedules"]],
    }


def _contradictions(row: CsvRow, counts: dict[str, float | None]) -> None:
    """Degrees that do not fit one another; what is not stated or not sound is not compared."""
    known = {name: value for name, value in counts.items() if value is not None}
    if not known.keys() >= {"dp", "tp", "pp", "cp"}:
        return
    dp, tp, pp, cp = (known[k] for k in ("dp", "tp", "pp", "cp"))
    product, per_step = dp * tp * pp * cp, dp * known.get("micro_batch", 1.0)
    if "n_gpus" in known and product != known["n_gpus"]:
        row.tell("n_gpus", f"dp tp pp cp = {dp:g} x {tp:g} x {pp:g} x {cp:g} = {product:g} contradicts n_gpus = {known['n_gpus']:g}")
    if "global_batch" in known and known["global_batch"] % per_step:
        row.tell("global_batch", f"{known['global_batch']:g} is no multiple of dp x micro_batch = {per_step:g}")
    spread = known.get("ep", 1.0) * known.get("etp", 1.0)
    if (dp * tp * cp) % spread:
        row.tell("ep", f"ep x etp = {spread:g} does not divide dp tp cp = {dp * tp * cp:g}")


def _run(row: CsvRow, names: dict[str, list[str]]) -> Run:
    counts = {c: row.number(c, whole=True, least=1.0, optional=c in OPTIONAL_COUNTS) for c in COUNTS}
    _contradictions(row, counts)
    metric = row.known("metric", list(UNITS), "metric")
    unit = row.cells.get("unit", "").strip()
    if metric in UNITS and unit != UNITS[metric][0]:
        row.tell("unit", f"expected '{UNITS[metric][0]}' for {metric}, got '{unit}'")
    recompute = row.known("recompute", list(RECOMPUTE), "recomputation")
    cut = row.number("sequence_parallel", whole=True, optional=True)
    stage = row.number("zero_stage", whole=True, optional=True)
    if stage is not None and stage > 3:
        row.tell("zero_stage", f"expected 0 to 3, got {stage:g}")
    value = row.number("value", least=1e-300)
    return Run(
        name=row.cells["name"].strip(),
        source=row.cells.get("source", ""),
        model=row.known("model", names["model"], "model"),
        system=row.known("system", names["system"], "system"),
        precision=row.known("precision", names["precision"], "precision") or "bf16",
        counts=counts,
        recompute=recompute,
        sequence_parallel=(counts["tp"] or 1) > 1 if cut is None else bool(cut),
        zero_stage=stage or 0.0,
        metric=metric,
        value=(value or math.nan) * UNITS.get(metric, ("", 1.0))[1],
        note=row.cells.get("note") or "",
        stack=row.known("stack", names["stack"], "stack") if "stack" in row.cells else "",
    )


def _kernel(row: CsvRow, names: dict[str, list[str]]) -> Kernel:
    values = {c: row.number(c, whole=c != "latency_s", least=1e-12 if c == "latency_s" else 1.0) or math.nan for c in KERNELS[:-1]}
    system = row.known("system", names["system"], "system") if "system" in row.cells else "dgx_h100"
    return Kernel(system, *values.values())


def _peer(row: CsvRow) -> Peer:
    figures = [row.number(c, optional=True) for c in ("mape", "max_ape", "spearman")]
    mape, largest, spearman = (math.nan if f is None else f for f in figures)
    return Peer(row.cells["dataset"], row.cells["peer"], row.cells["n"], mape, largest, spearman, row.cells["source"])


def _kind(header: list[str]) -> str:
    """The schema whose columns the header shares most of."""
    if any(column in header for column in OTHERS):
        return "others"
    return max(SCHEMAS, key=lambda name: len(set(SCHEMAS[name]) & set(header)))


def _take_names(path: Path, rows: list[CsvRow], taken: dict[str, str]) -> None:
    """Every row has a name of its own, over all files."""
    for row in rows:
        name = row.text("name")
        if not name or name in taken:
            row.tell("name", f"used before in {taken[name]}" if name else "a row needs a name")
        taken[name] = f"{shown_path(path)}:{row.line}"


def read_table(path: Path, taken: dict[str, str]) -> tuple[Table, list[Problem]]:
    """One file and its problems; `taken` are the names of rows read before, with their file."""
    header, rows, problems = read_rows(path)
    if problems and not header:
        return Table(path.stem), problems
    kind = _kind(header)
    if kind == "others":
        reason = next(text for column, text in OTHERS.items() if column in header)
        left = tuple((r.cells.get("name") or r.cells.get("id") or str(r.line), reason) for r in rows)
        return Table(path.stem, left_out=left), problems
    needed = SCHEMAS[kind]
    missing = [column for column in needed if column not in header]
    unknown = [column for column in header if column not in (*needed, "stack", "system")]
    problems += [Problem(shown_path(path), 1, c, "this column is missing") for c in missing]
    problems += [Problem(shown_path(path), 1, c, "unknown column" + nearest(c, needed)) for c in unknown]
    if missing:
        return Table(path.stem), problems
    names = _names()
    table = Table(path.stem)
    if kind in ("training", "serving"):
        _take_names(path, rows, taken)
    if kind == "training":
        table = table._replace(runs=tuple(_run(row, names) for row in rows))
    elif kind == "serving":
        table = table._replace(serving=tuple(serving_run(row, names["model"], names["system"]) for row in rows))
    elif kind == "kernels":
        table = table._replace(kernels=tuple(_kernel(row, names) for row in rows))
    else:
        table = table._replace(peers=tuple(_peer(row) for row in rows))
    return table, problems + [problem for row in rows for problem in row.problems]


def read_tables(paths: list[Path]) -> list[Table]:
    """Every file; `ConfigError` with all problems of all files."""
    taken: dict[str, str] = {}
    found = [read_table(path, taken) for path in paths]
    if problems := [problem for _, more in found for problem in more]:
        raise ConfigError(problems)
    return [table for table, _ in found]


def shipped_tables() -> list[Path]:
    """The tables that the project itself carries, each cited row by row."""
    return sorted((SHIPPED / "validation").glob("*.csv"))
