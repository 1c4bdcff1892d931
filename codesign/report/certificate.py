"""How is a certificate told: in a line on the terminal, and as a section of the page?"""

import html
from typing import Any

from codesign.report.findings import limit_texts
from codesign.report.run import Run
from codesign.units import show


def proof_text(facts: dict[str, Any] | None, aims: int) -> str:
    """One sentence that says what is proved of a front with so many aims, or why nothing is.

    >>> proof_text({"eps": 0.031, "seconds": 4.0, "boxes": 1200}, 1)
    'no feasible design of this box and lattice is better by more than 3.10 % (1,200 boxes in 4 s)'
    >>> proof_text({"eps": 0.031, "seconds": 4.0, "boxes": 1200}, 2)
    'every feasible design of this box and lattice has one on the front that is at most 3.10 % worse in each objective (1,200 boxes in 4 s)'
    >>> proof_text(None, 3)
    'none was asked for (search.certificate_seconds, or codesign certify RUN)'
    """
    if facts is None:
        return "none was asked for (search.certificate_seconds, or codesign certify RUN)"
    if "unavailable" in facts:
        return f"none can be had, {facts['unavailable']}"
    if facts["eps"] is None:
        return f"no bound after {facts['seconds']:.0f} s; more time gives one (search.certificate_seconds, or codesign certify RUN)"
    of = "feasible design of this box and lattice"
    by = f"{100 * facts['eps']:.2f} %" if facts["eps"] < 1 else f"a factor of {1 + facts['eps']:.3g}"
    claim = f"no {of} is better by more than {by}"
    if aims > 1:
        claim = f"every {of} has one on the front that is at most {by} worse in each objective"
    return f"{claim} ({facts['boxes']:,} boxes in {facts['seconds']:.0f} s)"


def certificate_text(run: Run) -> str:
    """The sentence for a run."""
    return "certificate: " + proof_text(run.manifest.get("certificate"), len(run.manifest["objectives"]))


def _box(run: Run) -> str:
    """What the proof covers: every variable with its bounds, every list of choices."""
    study, items = run.manifest["study"], []
    for free in study["continuous"].values():
        step = f" in steps of {show(free['step'], free['unit'])}" if free["step"] else ""
        items.append(f"{free['name']}: {show(free['low'], free['unit'])} to {show(free['high'], free['unit'])}{step}")
    for free in study["discrete"].values():
        items.append(f"{free['name']}: {len(free['values'])} choices")
    items += [f"limit: {text}" for text in limit_texts(run)]
    return "".join(f"<li>{html.escape(item)}</li>" for item in items)


def _row(name: str, value: Any) -> str:
    return f"<tr><td>{name}</td><td>{value}</td></tr>"


def certificate_section(run: Run) -> str:
    """The claim, what it covers, and what it cost."""
    facts = run.manifest.get("certificate")
    claim = html.escape(certificate_text(run).removeprefix("certificate: "))
    claim = claim[0].upper() + claim[1:] + "."
    if not facts or "unavailable" in facts:
        return f"<div class='card'><p>{claim}</p></div>"
    rows = [
        _row("designs on the front", f"{facts['designs']:,}"),
        _row("legal combinations covered", f"{facts['cells']:,}"),
        _row("operations of the traced model", f"{facts['operations']:,}"),
        _row("boxes bounded, left open", f"{facts['boxes']:,}, {facts['open']:,}"),
        _row("time: tracing, proof", f"{facts['tracing']:.1f} s, {facts['seconds']:.1f} s"),
        _row("model", html.escape(str(facts["model"])[:16])),
    ]
    scope = (
        "A statement about the model and the box below, not about hardware: interval arithmetic with outward rounding in double "
        "precision on every operation of the model, bounds of its derivatives, branch and bound."
    )
    table = f"<table>{''.join(rows)}</table>"
    band = (
        "The band in the charts above is the front made better by this factor: no feasible design lies beyond it." if facts["eps"] else ""
    )
    return f"<div class='card'><p><b>{claim}</b></p><p class='soft'>{scope} {band}</p>{table}<ul>{_box(run)}</ul></div>"
