"""REDCap's data dictionary: what the codes of an export's choices stand for.

Of labels nothing is kept beyond the draft's own inference, and no label is ever written down.
"""

import csv
from pathlib import Path

_NAME, _CHOICES = "Variable / Field Name", "Choices, Calculations, OR Slider Labels"
_NAMES = {_NAME, "field_name"}
_CHOICE_COLUMNS = {_CHOICES, "select_choices_or_calculations"}
MAX_BYTES = 16 * 2**20

Labels = dict[str, dict[str, str]]


def read_labels(path: Path) -> Labels | None:
    """Column -> code -> label; None when the file is no data dictionary."""
    with path.open("rb") as stream:
        start = stream.read(MAX_BYTES)
    try:
        rows = list(csv.DictReader(start.decode("utf-8-sig").splitlines(keepends=True)))
    except (UnicodeError, csv.Error):
        return None
    header = set(rows[0]) if rows else set()
    names, choices = _NAMES & header, _CHOICE_COLUMNS & header
    if not names or not choices:
        return None
    (name,), (choice,) = names, choices
    return {row[name].strip(): found for row in rows if (found := _choices(row[choice] or ""))}


def _choices(text: str) -> dict[str, str]:
    """`1, Open | 2, Closed` as code -> label."""
    found = {}
    for part in text.split("|"):
        code, comma, label = part.partition(",")
        if comma and code.strip():
            found[code.strip()] = label.strip()
    return found
