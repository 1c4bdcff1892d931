"""How is the uncertainty of a run kept in its folder, whole or not at all?"""

import json
from pathlib import Path
from typing import Any

from codesign.report.folder import check_writable, replace
from codesign.report.run import Run
from codesign.report.uncertainty import FILE


def write_uncertainty(run: Run, data: dict[str, Any], summary: dict[str, Any], folder: Path) -> Path:
    """Write the data into the folder of the run, and the summary into its manifest."""
    check_writable(folder)
    manifest = run.manifest | {"uncertainty": summary}
    replace(folder / FILE, lambda path: path.write_text(json.dumps(data, allow_nan=False), encoding="utf-8"))
    replace(folder / "manifest.json", lambda path: path.write_text(json.dumps(manifest, indent=1), encoding="utf-8"))
    return folder / FILE
