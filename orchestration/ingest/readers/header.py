"""Names of columns, checked the same way whatever the format they stand in."""

from collections.abc import Sequence

from orchestration.ingest.refusal import DeliveryRefused

MAX_COLUMNS = 2000


def checked_header(cells: Sequence[str]) -> tuple[str, ...]:
    """Column names, trimmed. Names that differ only in case count as one, as in the engine.

    Raises DeliveryRefused: no_header, repeated_column.
    """
    header = tuple(cell.strip() for cell in cells)
    if not any(header) or len(header) > MAX_COLUMNS:
        raise DeliveryRefused(
            "no_header", f"line 1 must name the columns (at most {MAX_COLUMNS}); it does not"
        )
    unnamed = [str(position) for position, name in enumerate(header, start=1) if not name]
    if unnamed:
        raise DeliveryRefused(
            "no_header",
            f"line 1 leaves columns without a name, at positions {', '.join(unnamed)}; "
            "name them, or send the file without them",
        )
    seen: dict[str, list[int]] = {}
    for position, name in enumerate(header, start=1):
        seen.setdefault(name.lower(), []).append(position)
    repeated = [places for places in seen.values() if len(places) > 1]
    if repeated:
        raise DeliveryRefused(
            "repeated_column",
            "line 1 names a column more than once, at positions "
            + "; ".join(", ".join(map(str, places)) for places in repeated)
            + "; each column needs a name of its own, whatever its upper and lower case",
        )
    return header
