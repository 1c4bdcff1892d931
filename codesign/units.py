"""What does "32 Tb/s" mean in SI, and how is an SI number shown?

Inside the model every number is SI with the byte as the unit of information, so that
1 Tb/s is 1.25e11 B/s. Decimal prefixes are powers of ten (1 GB = 1e9 B), binary ones
carry an i (1 GiB = 2**30 B); a small b is a bit and a capital B a byte. Decibels stay
decibels, and temperatures degrees Celsius (degC); differences of temperature are in K.
"""

import math
import re

DIMENSIONS = ("B", "s", "m", "J", "usd", "FLOP", "K", "A", "dB")
Dimension = tuple[int, ...]

PREFIXES = {"p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
BINARY_PREFIXES = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def _dimension(**powers: int) -> Dimension:
    return tuple(powers.get(name, 0) for name in DIMENSIONS)


PREFIXED = {
    "b": (0.125, _dimension(B=1)),
    "bit": (0.125, _dimension(B=1)),
    "B": (1.0, _dimension(B=1)),
    "s": (1.0, _dimension(s=1)),
    "m": (1.0, _dimension(m=1)),
    "J": (1.0, _dimension(J=1)),
    "W": (1.0, _dimension(J=1, s=-1)),
    "Wh": (3600.0, _dimension(J=1)),
    "Hz": (1.0, _dimension(s=-1)),
    "FLOP": (1.0, _dimension(FLOP=1)),
    "$": (1.0, _dimension(usd=1)),
    "K": (1.0, _dimension(K=1)),
    "A": (1.0, _dimension(A=1)),
}
PLAIN = {
    "1": (1.0, _dimension()),
    "%": (0.01, _dimension()),
    "min": (60.0, _dimension(s=1)),
    "h": (3600.0, _dimension(s=1)),
    "day": (86400.0, _dimension(s=1)),
    "cm": (0.01, _dimension(m=1)),
    "degC": (1.0, _dimension(K=1)),
    "dB": (1.0, _dimension(dB=1)),
    "dBm": (1.0, _dimension(dB=1)),
}
LONGEST = 60
TOKEN = re.compile(r"\s*(?:(?P<symbol>[A-Za-z$%µ]+|1)\^?(?P<power>-?\d)?|(?P<mark>[()*/·]))")
NUMBER = re.compile(r"\s*(?P<number>[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<unit>.*?)\s*$")


class UnitError(ValueError):
    """A quantity that cannot be read, or one of another kind than was asked for."""


def _symbol(name: str) -> tuple[float, Dimension]:
    name = name.replace("µ", "u")
    if name in PLAIN:
        return PLAIN[name]
    for symbol in sorted(PREFIXED, key=len, reverse=True):
        if not name.endswith(symbol):
            continue
        prefix, (factor, dimension) = name[: len(name) - len(symbol)], PREFIXED[symbol]
        scale = PREFIXES.get(prefix, BINARY_PREFIXES.get(prefix) if symbol in ("b", "bit", "B") else None)
        if scale is not None:
            return scale * factor, dimension
    raise UnitError(f"unknown unit '{name}'")


def _combine(left: tuple[float, Dimension], right: tuple[float, Dimension], sign: int) -> tuple[float, Dimension]:
    powers = tuple(a + sign * b for a, b in zip(left[1], right[1], strict=True))
    return left[0] * right[0] ** sign, powers


def _product(tokens: list[tuple[str, int]], where: str) -> tuple[float, Dimension]:
    result, sign, want_factor = (1.0, _dimension()), 1, True
    while tokens and tokens[0][0] != ")":
        text, power = tokens.pop(0)
        if text in "*·/" and not want_factor:
            sign, want_factor = (-1 if text == "/" else 1), True
            continue
        if text in "*·/)" or not want_factor:
            raise UnitError(f"cannot read the unit '{where}'")
        if text == "(":
            factor = _product(tokens, where)
            if not tokens or tokens.pop(0)[0] != ")":
                raise UnitError(f"unbalanced bracket in the unit '{where}'")
        else:
            base = _symbol(text)
            factor = base[0] ** power, tuple(p * power for p in base[1])
        result, want_factor = _combine(result, factor, sign), False
    if want_factor:
        raise UnitError(f"cannot read the unit '{where}'")
    return result


def unit_factor(unit: str) -> tuple[float, Dimension]:
    """How many SI units is one `unit`, and of what dimension?

    >>> unit_factor("Tb/s")[0]
    125000000000.0
    """
    tokens: list[tuple[str, int]] = []
    position, text = 0, unit.strip()
    if len(text) > LONGEST:
        raise UnitError(f"the unit '{text[:LONGEST]}...' is too long")
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise UnitError(f"cannot read the unit '{unit}'")
        tokens.append((match["symbol"] or match["mark"], int(match["power"] or 1)))
        position = match.end()
    if not tokens:
        raise UnitError("the unit is missing")
    try:
        factor = _product(tokens, unit)
    except (OverflowError, ZeroDivisionError):
        raise UnitError(f"the unit '{unit}' is out of range") from None
    if tokens:
        raise UnitError(f"unbalanced bracket in the unit '{unit}'")
    return factor


def parse_quantity(text: str, unit: str) -> float:
    """Which SI value does `text` state, given that it must be of the kind of `unit`?

    Raises `UnitError` when the text has no number, no unit, or another dimension.

    >>> parse_quantity("5 pJ/bit", "pJ/bit")
    4e-11
    """
    match = NUMBER.match(text)
    if match is None:
        raise UnitError(f"'{text}' does not start with a number")
    value = float(match["number"].replace("_", "")[:400])
    if not match["unit"]:
        raise UnitError(f"'{text}' has no unit")
    factor, dimension = unit_factor(match["unit"])
    if not 0 < factor < math.inf:
        raise UnitError(f"the unit '{match['unit']}' is out of range")
    if dimension != unit_factor(unit)[1]:
        raise UnitError(f"'{match['unit']}' is not a unit of the same kind as '{unit}'")
    return value * factor


def to_unit(value: float, unit: str) -> float:
    """The SI `value` as a number of `unit`.

    >>> to_unit(4e12, "Tb/s")
    32.0
    """
    return float(value) / unit_factor(unit)[0]


def show(value: float, unit: str, digits: int = 4) -> str:
    """The SI `value` as text in `unit`.

    >>> show(4e12, "Tb/s")
    '32 Tb/s'
    """
    number = to_unit(value, unit)
    if not math.isfinite(number):
        return "unbounded" if number > 0 else str(number)
    text = f"{number:.{digits}g}" if abs(number) < 10**digits else f"{number:,.0f}"
    return text if unit == "1" else f"{text} {unit}"
