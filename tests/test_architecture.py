"""Does every file import only what stands below it, and does every public thing say what it is?"""

import ast
import subprocess
import sys

import pytest
from cases import ROOT

PACKAGE = ROOT / "codesign"
FILES = sorted(PACKAGE.rglob("*.py"))
NAMES = {path: ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES}
TREES = {NAMES[path]: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

DOORS = {
    "config", "legal", "study", "cells", "explain", "validate", "report", "api", "engine", "commands", "cli",
    "judged", "rivals", "uncertainty", "certificate", "answer", "inverse", "",
}  # fmt: skip
LAYERS = (
    {"units"}, {"fields"}, {"tree"},
    {"hardware", "workload", "metrics"},
    {"topology"}, {"mapping", "cluster"},
    {"objectives", "constraints", "performance", "physical", "design", "pareto"},
    {"serving_metrics"},
    {"evaluate", "search"},
    {"sensitivity", "decode_batches"},
    DOORS,
)  # fmt: skip
RANK = {name: number for number, layer in enumerate(LAYERS) for name in layer}
READERS_AND_WRITERS = {"config", "report", "engine"}
CORE_IMPORTS = {"jax", "equinox", "optax", "numpy"}
OUTPUT_MODULES = {"os", "io", "pathlib", "shutil", "tempfile", "pickle", "csv", "sqlite3", "socket", "subprocess", "urllib"}
ONLY = {
    "objectives": {"codesign.metrics", "codesign.fields"},
    "constraints": {"codesign.metrics", "codesign.fields"},
    "search": {"codesign.search", "codesign.pareto", "codesign.fields", "codesign.tree"},
    "pareto": set(),
}


def _top(module):
    return [*module.split("."), ""][1]


def _imports(module, everywhere=True):
    """Names of the modules that `module` imports; with `everywhere`, inside functions too."""
    body = ast.walk(TREES[module]) if everywhere else TREES[module].body
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in TREES else node.module for name in inner)


MODULES = sorted(TREES)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module):
    assert _top(module) in RANK, f"{module} stands in no layer: add it to LAYERS and to design.md section 2"
    for name in _imports(module):
        if name.split(".")[0] != "codesign" or _top(name) == _top(module):
            continue
        assert _top(name) == "" or RANK[_top(name)] <= RANK[_top(module)], f"{module} imports {name}"
        same_layer = RANK[_top(name)] == RANK[_top(module)]
        assert not same_layer or _top(module) in DOORS, f"{module} imports its neighbour {name}"


def test_there_are_no_import_cycles():
    graph = {m: {n for n in _imports(m, everywhere=False) if n in TREES} for m in MODULES}
    while leaves := [m for m, below in graph.items() if not below]:
        graph = {m: below - set(leaves) for m, below in graph.items() if m not in leaves}
    assert not graph, f"on a cycle or above one: {sorted(graph)}"


@pytest.mark.parametrize("module", [m for m in MODULES if _top(m) in ONLY])
def test_tables_and_search_know_nothing_of_the_physics(module):
    allowed = ONLY[_top(module)]
    found = {name for name in _imports(module) if name.startswith("codesign")}
    assert all(any(name == a or name.startswith(a + ".") for a in allowed) for name in found), found


@pytest.mark.parametrize("module", [m for m in MODULES if _top(m) not in DOORS])
def test_the_core_needs_little_and_touches_no_file(module):
    tops = {name.split(".")[0] for name in _imports(module)}
    more = {"moocore"} if _top(module) == "pareto" else set()
    assert tops <= set(sys.stdlib_module_names) | CORE_IMPORTS | more | {"codesign"}
    assert not tops & OUTPUT_MODULES
    assert not [n for n in ast.walk(TREES[module]) if isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("print", "input")]


@pytest.mark.parametrize("module", [m for m in MODULES if _top(m) not in READERS_AND_WRITERS])
def test_only_config_and_report_open_files(module):
    calls = [node.func for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]
    named = {getattr(f, "id", "") for f in calls} & {"open"}
    methods = {getattr(f, "attr", "") for f in calls} & {"open", "read_text", "write_text", "read_bytes", "write_bytes", "savez", "save"}
    assert not named | methods


@pytest.mark.parametrize("module", MODULES)
def test_names_and_docstrings(module):
    tree = TREES[module]
    assert not {"utils", "util", "helpers", "misc", "common"} & set(module.split("."))
    assert (ast.get_docstring(tree) or "").split("\n")[0].strip(), "no module docstring"
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.names[0].name == "*"]
    definitions = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))]
    public = [n for scope in definitions for n in scope.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    missing = [n.name for n in public if not n.name.startswith("_") and not (ast.get_docstring(n) or "").split("\n")[0].strip()]
    assert not missing


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("codesign", {"jax", "numpy", "pydantic", "plotly", "pyarrow", "rich"}),
        ("codesign.cli", {"jax", "pydantic", "plotly", "pyarrow"}),
        ("codesign.search.certify", {"jax", "equinox", "optax", "pydantic"}),  # what every process of a proof starts with
        ("codesign.evaluate", {"pydantic", "plotly", "pyarrow", "moocore", "optax", "rich", "click"}),
    ],
)
def test_importing_is_light(module, forbidden):
    code = f"import sys, {module}; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & forbidden


def test_the_help_page_is_light():
    code = (
        "import sys, runpy\nsys.argv = ['codesign', '--help']\n"
        "try:\n    runpy.run_module('codesign.cli', run_name='__main__')\nexcept SystemExit as stop:\n    assert not stop.code\n"
        "print('MODULES', *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown, _, loaded = done.stdout.partition("MODULES")
    assert "optimize" in shown
    assert not set(loaded.split()) & {"jax", "pydantic", "plotly", "pyarrow"}


def test_the_public_names_are_what_they_say():
    code = "import codesign as cd, codesign.evaluate; print(*(type(getattr(cd, n)).__name__ for n in cd.__all__), callable(cd.evaluate))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "module" not in done.stdout
    assert done.stdout.split()[-1] == "True"
