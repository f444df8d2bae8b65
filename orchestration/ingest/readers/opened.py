"""What every reader gives: a file whose bytes are whole, as rows of text under column names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TextRelation:
    """An all-text relation: `sql` selects from the file, columns quoted under their own names.

    It may be selected from more than once, and gives its rows in the file's order each time.
    """

    columns: tuple[str, ...]
    sql: str


@dataclass(frozen=True)
class OtherText:
    """A text of the file that is in no cell: a sheet's name, a property, a comment.

    `place` says where it stands, in words of ours: a place may be shown, a text never is.
    """

    place: str
    text: str


@dataclass(frozen=True)
class Opened:
    """A file ready for the gate.

    `n_rows` is counted from the bytes, apart from the parser that will read the rows, so that a
    parser that drops some is found out; None where the format has no such count. `other_texts` are
    searched for identifiers like cells, and never stored. `identifying` are columns which the file
    itself says hold direct identifiers, whatever they are called. `temporary` are the connection's
    tables that hold the file's rows, to be dropped once they are conformed.
    """

    relation: TextRelation
    sha256: str
    n_bytes: int
    n_rows: int | None
    other_texts: tuple[OtherText, ...] = ()
    identifying: tuple[str, ...] = ()
    temporary: tuple[str, ...] = ()
