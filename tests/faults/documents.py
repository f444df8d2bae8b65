"""What can be wrong in a FHIR delivery that is still text of some kind. Pure: bytes in and out."""

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.faults.deliveries import PLANTED, Delivery

HOSTILE_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, 1e308, "", " ", PLANTED, f"{PLANTED}/1", [], {}, [[]],
    [None], {"a": 1}, ["x"], "a" * 100_000, "\u202e", "\ud800", "\x00", "=1+1", "9999-12-31",
    "2026-02-30",
    "2026-13-45T99:99:99Z", "http://", "Patient/", "Patient/../x1", "#", "|", "LA6568-5",
    "completed",
)  # fmt: skip


def _parents(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document: its container, and its key or index."""
    keys = list(value) if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], (dict, list)):
            yield from _parents(value[key])


def _responses(delivery: Delivery) -> list[Any]:
    return copy.deepcopy(list(delivery.responses))


def _with_another_value(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    for _ in range(chance.choice((1, 1, 3))):
        container, key = chance.choice(list(_parents(responses)))
        container[key] = copy.deepcopy(chance.choice(HOSTILE_VALUES))
    return delivery.written(responses)


def _without_an_element(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    container, key = chance.choice(list(_parents(responses)))
    del container[key]
    return delivery.written(responses)


def _with_an_element_moved(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    places = list(_parents(responses))
    (one, its_key), (other, other_key) = chance.sample(places, 2)
    one[its_key] = copy.deepcopy(other[other_key])
    return delivery.written(responses)


def _with_an_unknown_element(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    objects = [c[k] for c, k in _parents(responses) if isinstance(c[k], dict)]
    name = chance.choice(
        ("contained", "extension", "text", "_status", "id", PLANTED, "", "__proto__")
    )
    chance.choice(objects)[name] = chance.choice((PLANTED, [{"id": PLANTED}], {"div": PLANTED}))
    return delivery.written(responses)


def _with_a_response_again(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    again = copy.deepcopy(chance.choice(responses))
    if chance.random() < 0.5:
        again["item"] = again["item"][::-1][:4]
    return delivery.written([*responses, *([again] * chance.choice((1, 30)))])


def _deep(delivery: Delivery, chance: random.Random) -> bytes:
    depth = chance.choice((10, 60, 300, 5000, 200_000))
    inner = chance.choice(('{"item":[', '{"a":', "["))
    closing = {'{"item":[': "]}", '{"a":': "}", "[": "]"}[inner]
    value = inner * depth + "1" + closing * depth
    text = delivery.content.decode()
    at = text.index('"item":') + len('"item":')
    return (text[:at] + value + "," + text[at:].lstrip()).encode()


def _nested_items(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    response = chance.choice(responses)
    items = response["item"]
    for number in range(chance.choice((5, 40, 80))):
        items = [{"linkId": f"g{number}", "item": items}]
    response["item"] = items
    return delivery.written(responses)


def _in_other_words(delivery: Delivery, chance: random.Random) -> bytes:
    """JSON that only some parsers read, or read alike."""
    text = delivery.content.decode()
    at = text.index('"resourceType"')
    word = chance.choice((
        '"status":"completed",', '"x":NaN,', '"x":Infinity,', '"x":1e99999,',
        '"x":' + "9" * 6000 + ",",
        "/* a */", "'x':1,", '"x":"\\ud800",', '"x":"\\u0000",', '"x":01,',
        '"\\u0073tatus":"amended",',
        ",", '"x":tru,',
    ))  # fmt: skip
    return (text[:at] + word + text[at:]).encode()


def _very_many_items(delivery: Delivery, chance: random.Random) -> bytes:
    responses = _responses(delivery)
    response = chance.choice(responses)
    response["item"] = response["item"] * chance.choice((2, 2000))
    return delivery.written(responses)


JSON_MUTATIONS: Mapping[str, Callable[[Delivery, random.Random], bytes]] = {
    "with_another_value": _with_another_value,
    "without_an_element": _without_an_element,
    "with_an_element_moved": _with_an_element_moved,
    "with_an_unknown_element": _with_an_unknown_element,
    "with_a_response_again": _with_a_response_again,
    "deep": _deep,
    "nested_items": _nested_items,
    "in_other_words": _in_other_words,
    "very_many_items": _very_many_items,
}
