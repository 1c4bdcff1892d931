"""Does a quantity read, convert and show as the unit says, and is every declared unit one?"""

import importlib
import inspect
import math
import pkgutil

import equinox as eqx
import hypothesis
import hypothesis.strategies as st
import pytest

import codesign
from codesign.fields import METADATA_KEY, as_float, quantities
from codesign.units import UnitError, parse_quantity, show, to_unit, unit_factor

READINGS = [
    ("32 Tb/s", "Tb/s", 4e12),
    ("32 Tbit/s", "GB/s", 4e12),
    ("400 GB/s", "Tb/s", 4e11),
    ("8 b", "B", 1.0),
    ("1 GB", "B", 1e9),
    ("1 GiB", "B", 2.0**30),
    ("1 Kib", "B", 128.0),
    ("5 pJ/bit", "pJ/bit", 4e-11),
    ("40 pJ/B", "pJ/bit", 4e-11),
    ("1 kWh", "GWh", 3.6e6),
    ("858 mm2", "mm2", 858e-6),
    ("858 mm^2", "mm2", 858e-6),
    ("0.61 $/mm2", "$/mm2", 0.61e6),
    ("30 $/(GB/s)", "$/(GB/s)", 3e-8),
    ("0.4 W/(GB/s)", "W/(GB/s)", 4e-10),
    ("2 day", "day", 172800.0),
    ("150 ns", "ns", 150e-9),
    ("1.5 µs", "ns", 1.5e-6),
    ("2125 TFLOP/s", "TFLOP/s", 2.125e15),
    ("0.25 pJ/FLOP", "pJ/FLOP", 2.5e-13),
    ("85 %", "1", 0.85),
    ("1e3 W", "W", 1000.0),
    ("32_768 1", "1", 32768.0),
    ("3 W·s", "J", 3.0),
]


@pytest.mark.parametrize(("text", "unit", "value"), READINGS)
def test_reading(text, unit, value):
    assert parse_quantity(text, unit) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("32 Tb/s", "GB"), ("5 pJ", "pJ/bit"), ("5", "GB"), ("GB", "GB"), ("5 XB", "GB"), ("5 GiW", "W"), ("5 kmin", "s"),
        ("5 $/(GB/s", "$/(GB/s)"), ("5 GB/s)", "GB/s"), ("5 GB//s", "GB/s"), ("5 GB s", "GB/s"), ("5 /s", "Hz"), ("5 mm", "mm2"),
        ("", "W"), ("five W", "W"), ("1.2.3 W", "W"), ("5 tb/s", "Tb/s"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(text, unit):
    with pytest.raises(UnitError):
        parse_quantity(text, unit)


def test_a_bit_is_an_eighth_of_a_byte_on_both_sides_of_a_slash():
    assert unit_factor("b/s")[0] == 1 / 8
    assert unit_factor("J/b")[0] == 8
    assert unit_factor("J/bit") == unit_factor("J/b")
    assert unit_factor("m2")[1] == unit_factor("mm2")[1] != unit_factor("m")[1]
    assert unit_factor("mB")[0] == 1e-3
    assert unit_factor("MB")[0] == 1e6


@hypothesis.given(
    st.floats(1e-9, 1e15), st.sampled_from(["Tb/s", "pJ/bit", "GiB", "mm2", "$/(GB/s)", "W/(GB/s)", "day", "GWh", "%", "pJ/FLOP"])
)
@hypothesis.settings(max_examples=80, derandomize=True, deadline=None)
def test_a_number_survives_reading_and_showing(value, unit):
    kind = "1" if unit == "%" else unit
    inside = parse_quantity(f"{value!r} {unit}", kind)
    assert to_unit(inside, unit) == pytest.approx(value, rel=1e-14)
    shown = show(inside, unit, digits=6).replace(",", "")
    assert parse_quantity(shown, kind) == pytest.approx(inside, rel=1e-5)


def test_showing():
    assert show(4e12, "Tb/s") == "32 Tb/s"
    assert show(0.25, "1") == "0.25"
    assert show(123456789.0, "1") == "123,456,789"
    assert show(math.inf, "W") == "unbounded"


def _modules():
    names = [m.name for m in pkgutil.walk_packages(codesign.__path__, "codesign.") if not m.name.startswith("codesign.c")]
    members = (cls for name in names for _, cls in inspect.getmembers(importlib.import_module(name), inspect.isclass))
    return sorted(
        {cls for cls in members if issubclass(cls, eqx.Module) and cls.__module__.startswith("codesign.")}, key=lambda c: c.__name__
    )


@pytest.mark.parametrize("cls", _modules(), ids=lambda c: c.__name__)
def test_every_declared_quantity_says_unit_bounds_and_meaning(cls):
    for name, declared in quantities(cls).items():
        unit_factor(declared.unit)
        assert declared.low < declared.high, name
        assert declared.doc, name
        assert declared.doc == declared.doc.strip(), name
    arrays = [f.name for f in cls.__dataclass_fields__.values() if "Array" in str(f.type) and "dict" not in str(f.type)]
    assert all(METADATA_KEY in cls.__dataclass_fields__[name].metadata for name in arrays)


def test_numbers_become_floats_that_do_not_overflow():
    assert float(as_float(10**12)) == 1e12
    assert as_float(3).dtype == as_float(3.0).dtype
    assert not as_float(3).weak_type
