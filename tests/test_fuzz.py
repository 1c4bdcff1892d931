"""Does any file crash the door? Whatever stands in it, it loads or says what is wrong."""

import contextlib
import json
import math
import re
import shutil
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_run import CONFIGS, SMALL

from codesign.api import load
from codesign.cells import NoLegalMapping
from codesign.config import ConfigError
from codesign.units import PLAIN, PREFIXED, PREFIXES, UnitError, parse_quantity, to_unit


def bounded(examples: int) -> settings:
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))


def as_toml(value: Any) -> str:
    """`value` as TOML; tables inline."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(key)} = {as_toml(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def document(data: dict[str, Any]) -> str:
    return "\n".join(f"{as_toml(key)} = {as_toml(value)}" for key, value in data.items()) + "\n"


UNITS = [p + u for u in PREFIXED for p in ("", "k", "T", "n")] + list(PLAIN)
STRANGE = [
    "",
    "1",
    "nan",
    "-5 W",
    "1e999 Tb/s",
    "1 km^999",
    "1 1/nm^999",
    "1 (",
    "1 m2",
    "٣ m",
    "a\x00.toml",
    "../x.toml",
    "passage",
    "copper",
]
words = st.sampled_from(STRANGE) | st.text(max_size=8) | st.builds("{} {}".format, st.integers(-5, 10**6), st.sampled_from(UNITS))
numbers = st.integers(-(10**20), 10**20) | st.sampled_from([0, 1, 2, 10**400, -(10**400)]) | st.floats() | st.sampled_from([1e-320, 1e308])
names = st.sampled_from(["kind", "latent", "low", "default", "row", "source", "__class__", "cluster", "workload."]) | st.text(max_size=6)
values = st.recursive(
    st.booleans() | numbers | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=5,
)


def tables(data: dict[str, Any]) -> list[dict[str, Any]]:
    """Every table in `data`, itself first."""
    found = [data]
    for value in data.values():
        entries = value if isinstance(value, list) else [value]
        found += [table for entry in entries if isinstance(entry, dict) for table in tables(entry)]
    return found


@st.composite
def mutated(draw: st.DrawFn, base: dict[str, Any]) -> dict[str, Any]:
    """A valid document after one to three changes anywhere in it."""
    data = json.loads(json.dumps(base))
    for _ in range(draw(st.integers(1, 3))):
        table = draw(st.sampled_from(tables(data)))
        change = draw(st.sampled_from(["put", "replace", "delete", "rename"])) if table else "put"
        key = draw(names) if change == "put" else draw(st.sampled_from(sorted(table)))
        if change in ("put", "replace"):
            table[key] = draw(values)
        elif change == "delete":
            del table[key]
        else:
            table[draw(names)] = table.pop(key)
    return data


def read(name: str) -> dict[str, Any]:
    return tomllib.loads((CONFIGS / name).read_text(encoding="utf-8"))


def loads_or_tells(path: Path, changes: tuple[str, ...] = ()) -> None:
    try:
        load(path, changes)
        told = "loaded"
    except (ConfigError, NoLegalMapping) as error:
        told = str(error)
    assert told


@contextlib.contextmanager
def written(text: str):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.toml"
        path.write_text(text, encoding="utf-8")
        yield path


FILES = {"study": tomllib.loads(SMALL), **{k: read(f"{k}s/{f}.toml") for k, f in (("design", "passage"), ("workload", "kimi_k2"))}}


@pytest.mark.parametrize("kind", FILES)
def test_the_writer_of_these_tests_is_faithful(kind):
    assert tomllib.loads(document(FILES[kind])) == FILES[kind]


@bounded(60)
@given(mutated(FILES["study"]))
def test_a_study(data):
    with written(document(data)) as path:
        loads_or_tells(path)


@bounded(30)
@given(mutated(FILES["design"]))
def test_a_design(data):
    with written(document(data)) as path:
        loads_or_tells(path)


@bounded(30)
@given(mutated(FILES["workload"]))
def test_a_workload(data):
    with written(document(data)) as path:
        loads_or_tells(path)


@bounded(25)
@given(mutated({"copper": read("technology/links.toml")["copper"]}))
def test_a_technology_table(rows):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(CONFIGS, folder, dirs_exist_ok=True)
        (Path(folder) / "technology" / "links.toml").write_text(document(rows), encoding="utf-8")
        loads_or_tells(Path(folder) / "systems" / "passage_electrical.toml")


@bounded(25)
@given(st.sampled_from(["cluster.pod.size", "search", "search.rounds", "title", "discrete", "", "mapping.tp", "set.x", "a.b.c"]), values)
def test_a_setting(path, value):
    with written(SMALL) as study:
        loads_or_tells(study, (f"{path}={as_toml(value)}",))


FOUND = {
    "huge integer": ("workload", lambda d: d["model"] | {"layers": 10**400}, "model"),
    "unit to a huge power": ("study", lambda _: {"cluster.device.scale_up.bandwidth": "1 km^999"}, "set"),
    "unit to a huge negative power": ("study", lambda _: {"cluster.device.scale_up.bandwidth": "1 1/nm^999"}, "set"),
    "deep brackets": ("study", lambda _: {"cluster.device.scale_up.bandwidth": "1 " + "(" * 3000}, "set"),
    "zero byte in a name": ("study", lambda _: "a\x00.toml", "workload"),
    "key named like an attention": ("workload", lambda _: 1, "latent"),
    "kind is a list": ("workload", lambda d: d["model"] | {"attention": {"kind": [1]}}, "model"),
    "references are numbers": ("study", lambda _: [1, 2], "reference"),
    "references are text": ("study", lambda _: ["a"], "reference"),
    "set is a list": ("study", lambda _: [1], "set"),
    "objectives are tables": ("study", lambda _: [{"a": 1}, 2], "objectives"),
    "choices are tables": ("study", lambda _: {"mapping.tp": [{"a": 1}]}, "discrete"),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_once_was_suspicious(name):
    kind, change, key = FOUND[name]
    data = json.loads(json.dumps(FILES[kind]))
    with written(document(data | {key: change(data)})) as path, pytest.raises(ConfigError):
        load(path)


@pytest.mark.parametrize("text", ["x = 1" + "0" * 5000, "x = " + "[" * 3000 + "]" * 3000], ids=["5000 digits", "3000 brackets"])
def test_toml_that_the_parser_itself_gives_up_on(text):
    with written(text) as path, pytest.raises(ConfigError, match="TOML"):
        load(path)


LIKE_A_QUANTITY = re.compile(r"-?[0-9]{1,3}(e[0-9]{1,3})? ?[kmGTn1]?[bBsmJW$]?[\^*/()]?[-0-9smB]{0,4}")


@bounded(150)
@given(st.text(max_size=12) | st.from_regex(LIKE_A_QUANTITY, fullmatch=True))
def test_any_text_is_a_quantity_or_an_error(text):
    try:
        told = parse_quantity(text, "Tb/s")
    except UnitError as error:
        told = str(error)
    assert isinstance(told, float) or told


@bounded(60)
@given(st.floats(1e-9, 1e9), st.sampled_from(sorted(PREFIXES)), st.sampled_from(["b/s", "B/s", "bit/s"]))
def test_a_quantity_survives_being_written(number, prefix, symbol):
    value = parse_quantity(f"{number!r} {prefix}{symbol}", "Tb/s")
    assert math.isclose(to_unit(value, prefix + symbol), number, rel_tol=1e-12)
