"""Forms that mean nothing without a rater or a group, in a contract that maps neither."""

from pathlib import Path

import pytest

from expectations.registry import load_registry
from tests.unit.expectations.homes import PRACTICE, home

BLOCK = """              - instrument_code: srs
                version: "3"
                language: en
                informant: client
                items: {1: A, 2: B, 3: C, 4: D}
"""
RATED = """              - instrument_code: vtas_sf
                version: "1"
                language: en
                informant: observer
                items: {1: A, 2: B, 3: C, 4: D, 5: E}
"""
OF_GROUP = BLOCK.replace("instrument_code: srs", "instrument_code: gsrs").replace('"3"', '"1"')
FORM_ID = (
    "              session_id: {from: SessionNo}\n              status: {constant: completed}\n"
)
RATER = FORM_ID + "              rater_id: {from: Rater}\n"
GROUP_ID = (
    "              session_id: {from: SessionNo}\n              group_session_id: {from: Group}\n"
)


def _problems(folder: Path, text: str) -> str:
    registry = load_registry([home(folder, lakeside=text)])
    return "\n".join(registry.broken.get("lakeside", ()))


def test_a_rated_form_needs_who_rated(tmp_path: Path) -> None:
    assert FORM_ID in PRACTICE
    text = PRACTICE.replace(BLOCK, RATED)
    assert "vtas_sf rated by the observer means nothing" in _problems(tmp_path, text)
    assert _problems(tmp_path, text.replace(FORM_ID, RATER)) == ""


def test_a_form_of_a_group_needs_the_group(tmp_path: Path) -> None:
    text = PRACTICE.replace(BLOCK, OF_GROUP)
    assert "gsrs is about a group" in _problems(tmp_path, text)
    grouped = text.replace("              session_id: {from: SessionNo}\n", GROUP_ID, 1)
    assert _problems(tmp_path, grouped) == ""


@pytest.mark.parametrize("informant", ["client", "therapist"])
def test_who_fills_in_a_form_about_a_self_needs_no_rater(tmp_path: Path, informant: str) -> None:
    items = ", ".join(f"{n}: W{n}" for n in range(1, 37))
    block = RATED.replace("vtas_sf", "wai").replace("observer", informant)
    block = block[: block.index("items:")] + f"items: {{{items}}}\n"
    assert _problems(tmp_path, PRACTICE.replace(BLOCK, block)) == ""
    assert "wai rated by" in _problems(
        tmp_path, PRACTICE.replace(BLOCK, block.replace(informant, "observer"))
    )
