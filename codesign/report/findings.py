"""What does a front say in a few sentences?"""

import math

from codesign.constraints import CONSTRAINTS
from codesign.objectives import OBJECTIVES
from codesign.report.charts import free_names, reference_value
from codesign.report.run import Run
from codesign.study import at_least
from codesign.units import to_unit


def limits_of(run: Run) -> list[str]:
    """The limits that the designs of a run have."""
    return [name for name in CONSTRAINTS if f"slack.{name}" in run.columns]


def designs_at(run: Run, limit: str) -> int:
    """Designs of the front within one per cent of a limit of the model."""
    slack, bound = run.columns[f"slack.{limit}"], run.columns[CONSTRAINTS[limit].bound]
    return sum(s <= 0.01 * abs(b) for s, b in zip(slack, bound, strict=True))


def _own_limits(run: Run) -> dict[str, float]:
    """The limits that the study sets on metrics, as the table shows them."""
    units = run.manifest["units"]
    return {name: to_unit(bound, units[name]) for name, bound in run.manifest["study"]["limits"].items()}


def limit_texts(run: Run) -> list[str]:
    """The limits that the study sets, such as "time per output token at most 50 ms"."""
    units = run.manifest["units"]
    return [
        f"{name.replace('_', ' ')} at {'least' if at_least(name) else 'most'} {bound:.4g} {units[name]}"
        for name, bound in _own_limits(run).items()
    ]


def limit_counts(run: Run) -> list[tuple[int, str, str]]:
    """Of each limit, of the model and of the study, the designs within one per cent of it, its name and its levers; the most first."""
    found = [(designs_at(run, name), name, CONSTRAINTS[name].levers) for name in limits_of(run)]
    for name, bound in _own_limits(run).items():
        at = sum(abs(value - bound) <= 0.01 * abs(bound) for value in run.columns[name])
        found.append((at, f"limit on {name.replace('_', ' ')}", "a looser limit in the study"))
    return sorted(found, key=lambda row: (-row[0], row[1]))


def rounding_text(run: Run) -> str:
    """What whole ports, stacks and pods cost in hypervolume: in the front, and where free values are only rounded."""
    m = run.manifest
    lost = 100 * (1 - m["rounded_hypervolume"] / m["relaxed_hypervolume"])
    gap = 100 * (1 - m["hypervolume"] / m["relaxed_hypervolume"])
    return f"whole ports, stacks and pods cost {gap:.2f} % of the hypervolume that free values reach, plain rounding {lost:.2f} %"


def spread_rows(run: Run, count: int) -> list[int]:
    """At least `count` places along the front (all, if it is shorter), the best of each objective among them."""
    best = [run.columns["id"].index(i) for i in run.manifest["best"].values()]
    even = {round(k * (run.size - 1) / max(count - 1, 1)) for k in range(count)}
    return sorted({*best, *even})


def choice_text(run: Run, number: int, name: str) -> str:
    """One choice of one design, such as "pod.size 512"."""
    unit, value = run.manifest["units"][name], run.columns[name][number]
    return f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}" + (f" {unit}" if unit not in ("", "1") else "")


def _against(run: Run, reference: dict) -> str:
    """How the front beats a reference: by how many designs, and by the one with the best mean gain."""
    aims = run.manifest["objectives"]
    better = [run.columns["id"].index(i) for i in reference["dominated_by"]]
    if not better:
        return f"No design found is nowhere worse than {reference['name']} and somewhere better.{_broken(reference)}"

    def ratios(number: int) -> list[float]:
        return [(run.columns[a["name"]][number] / reference_value(reference, a["name"])) ** a["sense"] for a in aims]

    best = min(better, key=lambda i: math.prod(ratios(i)))
    gains = ", ".join(
        f"{a['label']} {100 * (r ** OBJECTIVES[a['name']].sense - 1):+.0f} %" for a, r in zip(aims, ratios(best), strict=True)
    )
    verb = "design beats" if len(better) == 1 else "designs beat"
    beaten = f"{len(better)} {verb} {reference['name']} (nowhere worse, somewhere better)"
    return f"{beaten}; {run.columns['id'][best]} by {gains}.{_broken(reference)}"


def _broken(reference: dict) -> str:
    """Which limits a reference breaks, so that nothing as it stands could be built."""
    broken = [limit["name"] for limit in reference["constraints"] if not limit["met"]]
    return f" {reference['name']} itself breaks: {', '.join(broken)}." if broken else ""


def _common(run: Run) -> str:
    """What all designs of the front agree on, and what decides between them."""
    shared = [choice_text(run, 0, n) for n in free_names(run) if len(set(run.columns[n])) == 1]
    fine = " What finer experts do to the quality of the model is not modelled." if "granularity" in free_names(run) else ""
    return f"Every design on the front has {', '.join(shared)}.{fine}" if shared else fine.strip()


def _parts(run: Run) -> str:
    """Which parts the front uses, and how often."""
    sentences = []
    for name in (n for n in free_names(run) if isinstance(run.columns[n][0], str)):
        column = run.columns[name]
        counts = sorted(((column.count(v), v) for v in set(column)), reverse=True)
        if len(counts) > 1:
            sentences.append(f"{name}: " + ", ".join(f"{v} in {100 * c / run.size:.0f} %" for c, v in counts))
    return f"Parts chosen: {'; '.join(sentences)}." if sentences else ""


def findings(run: Run) -> list[str]:
    """The sentences, the most important first."""
    counts = [(at, name) for at, name, _ in limit_counts(run) if name != "devices"]
    binding = ", ".join(f"{name} ({100 * at / run.size:.0f} %)" for at, name in counts[:3] if at)
    limits = f"Most often at a limit: {binding}." if binding else "No design stands at a limit."
    return [text for text in (*(_against(run, r) for r in run.manifest["references"]), _common(run), _parts(run), limits) if text]
