"""JSON read strictly: what a lenient parser would settle by itself refuses the file.

A key given twice (the last would win), NaN and Infinity, numbers (kept as they are written, never
as a float) and texts that no database holds.
"""

import json
import re
from typing import Any, NoReturn

from orchestration.ingest.refusal import DeliveryRefused

MAX_NUMBER = 40
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class Number(str):
    """A JSON number as it is written."""

    __slots__ = ()


def parse(text: str, place: str) -> Any:
    """One JSON value; objects as dicts, numbers as Number.

    `place` says where it stands, for messages. Raises DeliveryRefused: not_json, repeated_key,
    no_number, too_deep.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise DeliveryRefused(
                "repeated_key", f"{place} gives a key twice in one object; export it again"
            )
        return found

    def number(written: str) -> Number:
        if len(written) > MAX_NUMBER:
            raise DeliveryRefused(
                "no_number", f"{place} holds a number of more than {MAX_NUMBER} characters"
            )
        return Number(written)

    def constant(_: str) -> NoReturn:
        raise DeliveryRefused(
            "no_number", f"{place} holds NaN or Infinity, which JSON does not have; export it again"
        )

    try:
        return json.loads(
            text,
            object_pairs_hook=once,
            parse_int=number,
            parse_float=number,
            parse_constant=constant,
        )
    except RecursionError as error:
        raise too_deep(place) from error
    except ValueError as error:
        raise DeliveryRefused(
            "not_json",
            f"{place} is not whole JSON, as when a transfer breaks off; send the file again",
        ) from error


def is_storable(text: str) -> bool:
    """Whether a text has no control characters and no half characters."""
    return _UNSTORABLE.search(text) is None


def too_deep(place: str) -> DeliveryRefused:
    """Nesting that no questionnaire has."""
    return DeliveryRefused(
        "too_deep", f"{place} is nested deeper than a questionnaire can be; export it again"
    )
