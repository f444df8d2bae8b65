"""Ids in the shape a contract's `id_pattern` asks for: numbers in, distinct texts out."""

import math
import string
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa

from orchestration.simulation.arrays import Ints

_LONGEST = 10
"""Places given to a repetition without a smaller bound."""
_LARGEST_CAPACITY = 10**11
_MULTIPLIERS = (7_368_787, 6_700_417, 5_915_587)
"""Primes that scatter numbers, so that an id does not tell the order of arrival."""


@dataclass(frozen=True)
class IdShape:
    """One alphabet a place; a place with one letter is constant."""

    places: tuple[str, ...]

    @property
    def capacity(self) -> int:
        """How many ids there are (of those used here)."""
        return min(math.prod(len(place) for place in self.places), _LARGEST_CAPACITY)

    def texts(self, numbers: Ints) -> pa.Array:
        """Ids of the numbers. ValueError when the shape has too few."""
        capacity = self.capacity
        if len(numbers) and int(numbers.max()) >= capacity:
            raise ValueError(f"has only {capacity} different ids; allow more characters")
        multiplier = next(p for p in _MULTIPLIERS if math.gcd(p, capacity) == 1)
        rest = (numbers * multiplier + capacity * 7 // 19) % capacity
        width = len(self.places)
        letters = np.empty((len(numbers), width), dtype=np.uint8)
        for place in range(width - 1, -1, -1):
            alphabet = np.frombuffer(self.places[place].encode("ascii"), dtype=np.uint8)
            rest, digit = np.divmod(rest, len(alphabet))
            letters[:, place] = alphabet[digit]
        ends = np.arange(len(numbers) + 1, dtype=np.int32) * width
        return pa.StringArray.from_buffers(
            len(numbers), pa.py_buffer(ends), pa.py_buffer(letters.tobytes())
        )


@lru_cache(maxsize=256)
def id_shape(pattern: str) -> IdShape:
    """The shape of a pattern made of letters, classes and counts, e.g. `^[A-F]{3}-[0-9]{4}$`.

    ValueError for groups, alternatives and whatever else leaves more than one reading.
    """
    rest = pattern.removeprefix("^").removesuffix("$")
    places: list[str] = []
    while rest:
        alphabet, rest = _alphabet(rest, pattern)
        count, rest = _count(rest, pattern)
        for _ in range(count):
            places.append(_readable(alphabet, is_first=not places))
    if not any(set(place) <= set(string.digits) for place in places):
        raise ValueError(f"id_pattern {pattern} leaves no place for digits")
    return IdShape(tuple(places))


def _readable(alphabet: str, *, is_first: bool) -> str:
    """Digits where digits may stand, but a letter first: nine digits alone look like a number
    somebody was given by a state."""
    letters = "".join(c for c in alphabet if c in string.ascii_letters)
    digits = "".join(c for c in alphabet if c in string.digits)
    if is_first:
        return letters or digits or alphabet[0]
    return digits or letters or alphabet[0]


def _alphabet(rest: str, pattern: str) -> tuple[str, str]:
    if rest[0] == "[":
        end = rest.find("]", 1)
        if end < 0 or rest[1] == "^":
            raise _unreadable(pattern)
        return _class(rest[1:end]), rest[end + 1 :]
    if rest[0] == "\\":
        escaped = rest[1:2]
        if escaped == "d":
            return string.digits, rest[2:]
        if escaped.isalnum() or not escaped:
            raise _unreadable(pattern)
        return escaped, rest[2:]
    if rest[0] in "(|)*+?{}.^$":
        raise _unreadable(pattern)
    return rest[0], rest[1:]


def _class(body: str) -> str:
    letters: list[str] = []
    at = 0
    while at < len(body):
        if body[at + 1 : at + 2] == "-" and at + 2 < len(body):
            letters += [chr(code) for code in range(ord(body[at]), ord(body[at + 2]) + 1)]
            at += 3
        else:
            letters.append(body[at])
            at += 1
    return "".join(dict.fromkeys(letters))


def _count(rest: str, pattern: str) -> tuple[int, str]:
    if rest[:1] == "{":
        end = rest.find("}")
        low, _, high = rest[1:end].partition(",")
        if end < 0 or not low.isdigit():
            raise _unreadable(pattern)
        most = int(high) if high else int(low) if "," not in rest[1:end] else _LONGEST
        return max(int(low), min(most, _LONGEST)), rest[end + 1 :]
    if rest[:1] in ("*", "+"):
        return _LONGEST, rest[1:]
    if rest[:1] == "?":
        return 1, rest[1:]
    return 1, rest


def _unreadable(pattern: str) -> ValueError:
    return ValueError(
        f"id_pattern {pattern}: the simulation writes ids of letters, classes such as [0-9] and "
        "counts such as {7}; groups and alternatives are beyond it"
    )
