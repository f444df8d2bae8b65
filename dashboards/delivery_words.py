"""Words and glyphs for what became of a delivery. PURE. Never a glyph or a colour alone."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """How one state is shown: its glyph, its word, what it means, how much it matters (a class)."""

    glyph: str
    word: str
    meaning: str
    weight: str


# In the order in which a night with several files shows them: what needs a person comes first.
_STATES = {
    "dead": Word("†", "Dead", "reading broke off; it is tried again for some nights", "bad"),
    "held": Word("‖", "Held", "much smaller than usual; a person has to look and let it in", "bad"),
    "refused": Word("⊘", "Refused", "could not be taken in as it is; its data are not here", "bad"),
    "missing": Word("✕", "Missing", "did not come, and the next one is late too", "bad"),
    "late": Word(
        "◔", "Late", "its time has passed; it came after that, or is still to come", "warn"
    ),
    "duplicate": Word("=", "Duplicate", "only a file came that had been loaded before", "warn"),
    "quarantined": Word("◐", "Quarantined", "came in time; some rows were set aside", "some"),
    "superseded": Word("↻", "Superseded", "a newer file stands in for it", "quiet"),
    "on_time": Word("✓", "On time", "came in time, every row taken in", "good"),
    "loaded": Word("✓", "Loaded", "taken in", "good"),
    "due": Word("○", "Due", "there is still time", "quiet"),
    "paused": Word("–", "Pause", "nothing is expected: the contract names a pause", "quiet"),
}

LEGEND = tuple(state for state in _STATES if state not in ("superseded", "loaded"))
"""States a night can be in."""


def word(state: str) -> Word:
    """How a state is shown; one that nobody has given words to, by its own name."""
    known = _STATES.get(state)
    return known or Word("•", state.replace("_", " ").strip().capitalize(), "", "warn")


def order(state: str) -> int:
    """Sort key: what needs a person first, then the rest; an unknown state before all."""
    return list(_STATES).index(state) if state in _STATES else -1
