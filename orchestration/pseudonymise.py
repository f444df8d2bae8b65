"""Replaces ids in a practice's own export by random ones, on the practice's side, before sending.

This file needs nothing but Python 3.9 or later and may be copied by itself: `python
pseudonymise.py --help`. The same id gets the same random one in every file and on every run,
because the pairs are kept in a table; the table never leaves the practice, and nobody without it
can go back. Cells other than ids are passed on as they are.
"""

import argparse
import contextlib
import csv
import io
import json
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

DONE, NEEDS_A_PERSON, WRONG_USE = 0, 1, 2
DIGITS = 18
"""Of a random id, after its first letter: no long number by itself, which would look like a card's
or a telephone's, and far more than there are ids, so that none is guessed."""
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
_HEADER = ["kind", "id", "pseudonym"]
DESCRIPTION = """\
Replace ids by random ones before an export leaves the practice. The pairs are kept in a table
that only you may read (mode 0600): keep it, do not send it. FILE is never changed, and no file is
ever overwritten but the table, which only grows."""
EXAMPLE = """\
example:
  python pseudonymise.py sessions.csv --columns chart_no,therapist_no \\
      --table private/pseudonyms.csv --out outbox/sessions_20260930.csv"""


class Stopped(Exception):
    """Why nothing was written, worded for the person who must mend it."""


class Done(NamedTuple):
    """What was done: rows, ids replaced, how many are new in the table, columns left alone."""

    out: str
    n_rows: int
    n_replaced: int
    n_new: int
    columns_left: list[str]


class Dialect(NamedTuple):
    """How the export is written. No delimiter: the one that is found in the first line."""

    delimiter: Optional[str] = None  # noqa: UP045 - the file runs on older interpreters too
    quote: str = '"'
    encoding: str = "utf-8"
    header_rows: int = 1


PLAIN = Dialect()


class Table:
    """The pairs of ids and random ids, read once, kept in memory and written once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._of: dict[tuple[str, str], str] = {}
        self._taken: set[str] = set()
        self.n_new = 0
        if path.exists():
            self._read()

    def _read(self) -> None:
        if os.name == "posix" and stat.S_IMODE(self.path.stat().st_mode) & 0o077:
            raise Stopped(
                f"the table {self.path} can be read by others; change its mode to 0600 "
                f"(chmod 600 {self.path}) and think of who may have read it"
            )
        with self.path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.reader(stream, strict=True))
        if not rows or rows[0] != _HEADER:
            raise Stopped(f"{self.path} is no table of this program; name another one")
        for number, row in enumerate(rows[1:], start=2):
            if len(row) != len(_HEADER) or row[2] in self._taken or (row[0], row[1]) in self._of:
                raise Stopped(
                    f"line {number} of the table {self.path} is damaged; take it from your backup"
                )
            self._of[(row[0], row[1])] = row[2]
            self._taken.add(row[2])

    def pseudonym(self, kind: str, sender_id: str) -> str:
        """The random id of an id; a new one if it has none."""
        found = self._of.get((kind, sender_id))
        if found is None:
            found = self._unused()
            self._of[(kind, sender_id)] = found
            self._taken.add(found)
            self.n_new += 1
        return found

    def _unused(self) -> str:
        while True:
            made = f"p{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
            if made not in self._taken:
                return made

    def write(self) -> None:
        """All pairs in place of the old table, at once and for good."""
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_HEADER)
        writer.writerows([kind, sender_id, made] for (kind, sender_id), made in self._of.items())
        written = _private_file(self.path.parent, [text.getvalue().encode("utf-8")])
        written.replace(self.path)


def pseudonymise(
    file: Path,
    columns: dict[str, str],
    table: Path,
    out: Path,
    dialect: Dialect = PLAIN,
    missing: Sequence[str] = (),
) -> Done:
    """Write a copy of `file` with the ids of some columns replaced.

    `columns`: header -> kind of id; ids of one kind share their pseudonyms, whatever their column.
    Blank cells and those of `missing` stay as they are. Raises Stopped; then neither `out` nor the
    table was touched.
    """
    if out.exists():
        raise Stopped(f"{out} exists already; nothing is overwritten, name another --out")
    if len({path.resolve() for path in (file, table, out)}) < 3:
        raise Stopped("the file, the table and --out must be three different files")
    with _locked(table):
        pairs = Table(table)
        text, byte_order_mark = _text(file, dialect.encoding)
        delimiter = dialect.delimiter or _delimiter(text)
        rows = _rows(text, delimiter, dialect.quote)
        header = [name.strip() for name in next(rows, [])]
        absent = [name for name in columns if name not in header]
        repeated = [name for name in columns if header.count(name) > 1]
        if absent or repeated:
            raise Stopped(
                f"columns not found, or found twice, in line 1: {', '.join(absent + repeated)}; "
                "check their names, --delimiter and --encoding"
            )
        places = {header.index(name): kind for name, kind in columns.items()}
        line_end = "\r\n" if "\r\n" in text[: text.find("\n") + 1] else "\n"
        body = io.StringIO(newline="")
        writer = csv.writer(
            body, delimiter=delimiter, quotechar=dialect.quote, lineterminator=line_end
        )
        n_rows = n_replaced = 0
        kept = {"", *missing}
        for number, row in enumerate(_rows(text, delimiter, dialect.quote)):
            if row and len(row) != len(header):
                raise Stopped(
                    f"row {number + 1} has {len(row)} cells and the header {len(header)}; an id "
                    "might stand in another column; check --delimiter and --quote, or mend the row"
                )
            if number >= dialect.header_rows and row:
                n_rows += 1
                for place, kind in places.items():
                    sender_id = row[place].strip()
                    if sender_id not in kept:
                        row[place] = pairs.pseudonym(kind, sender_id)
                        n_replaced += 1
            writer.writerow(row)
        content = body.getvalue().encode(dialect.encoding)
        written = _private_file(out.parent, [byte_order_mark, content])
        try:
            # The table first: a random id that was sent and forgotten would be another client.
            pairs.write()
            _name_once(written, out)
        finally:
            with contextlib.suppress(FileNotFoundError):
                written.unlink()
    left = [name for name in header if name not in columns]
    return Done(str(out), n_rows, n_replaced, pairs.n_new, left)


def _text(file: Path, encoding: str) -> tuple[str, bytes]:
    """A file's text without its byte order mark, and the mark."""
    content = file.read_bytes()
    marks = {"utf-8": (b"\xef\xbb\xbf",), "utf-16": (b"\xff\xfe", b"\xfe\xff")}
    mark = next((m for m in marks.get(encoding, ()) if content.startswith(m)), b"")
    try:
        # Python writes the mark of UTF-16 by itself.
        if encoding == "utf-16":
            return content.decode(encoding), b""
        return content[len(mark) :].decode(encoding), mark
    except UnicodeError:
        raise Stopped(f"{file} is not written in {encoding}; name its --encoding") from None


def _delimiter(text: str) -> str:
    first = text.partition("\n")[0]
    found = max(DELIMITERS.values(), key=first.count)
    return found if found in first else ","


def _rows(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    csv.field_size_limit(2**31 - 1)
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote, strict=True
    )
    try:
        yield from rows
    except csv.Error:
        raise Stopped(
            f"line {rows.line_num} cannot be read; check --delimiter and --quote"
        ) from None


def _private_file(folder: Path, content: Iterable[bytes]) -> Path:
    """A new file that only its owner may read, its bytes on the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".pseudonymise_", dir=folder)
    with os.fdopen(handle, "wb") as stream:
        for part in content:
            stream.write(part)
        stream.flush()
        os.fsync(stream.fileno())
    return Path(name)


def _name_once(written: Path, out: Path) -> None:
    """Give a finished file its name, which no other file may have."""
    try:
        os.link(written, out)
    except FileExistsError:
        raise Stopped(f"{out} exists already; nothing is overwritten, name another --out") from None
    except OSError:
        # No links on this file system: the check and the renaming are two steps.
        if out.exists():
            raise Stopped(f"{out} exists already; name another --out") from None
        written.rename(out)


@contextlib.contextmanager
def _locked(table: Path) -> Iterator[None]:
    """Two runs at once would give one id two random ones: the second is sent away."""
    table.parent.mkdir(parents=True, exist_ok=True)
    path = table.with_name(table.name + ".lock")
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise Stopped(
            f"another run is using the table; if there is none, delete {path} and try again"
        ) from None
    try:
        yield
    finally:
        os.close(handle)
        path.unlink()


def columns_named(text: str) -> dict[str, str]:
    """`chart_no=client,therapist_no` -> header to kind of id; the kind is `id` where none is said.

    Raises Stopped.
    """
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, kind = part.partition("=")
        found[name.strip()] = kind.strip() or "id"
    if not found:
        raise Stopped("--columns names no column")
    return found


def said(done: Done) -> str:
    """A run in words."""
    return (
        f"{done.out}: {done.n_rows} rows, {done.n_replaced} ids replaced, {done.n_new} of them new "
        f"in the table. {len(done.columns_left)} columns are as they were; none of them may say "
        "who a client is. Send this file; keep the table."
    )


def main(arguments: Optional[Sequence[str]] = None) -> int:  # noqa: UP045
    """The command line. Returns 0 done, 1 something needs a person; argparse exits with 2."""
    parser = argparse.ArgumentParser(
        prog="pseudonymise",
        description=DESCRIPTION,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the export, CSV of any dialect")
    parser.add_argument(
        "--columns",
        required=True,
        help="columns of ids, with commas between; NAME=KIND keeps kinds of ids apart",
    )
    parser.add_argument("--table", required=True, type=Path, help="where the pairs are kept")
    parser.add_argument("--out", required=True, type=Path, help="the file to write and to send")
    parser.add_argument("--delimiter", help="comma, semicolon, tab, bar; found if not said")
    parser.add_argument("--quote", default='"', help='default "')
    parser.add_argument("--encoding", default="utf-8", help="default utf-8; latin-1, utf-16, ...")
    parser.add_argument("--header-rows", type=int, default=1, help="3 for Qualtrics; default 1")
    parser.add_argument("--missing", default="", help="words that are no ids, with commas between")
    parser.add_argument("--json", action="store_true", help="one JSON document of what was done")
    chosen = parser.parse_args(arguments)
    delimiter = chosen.delimiter and DELIMITERS.get(chosen.delimiter, chosen.delimiter)
    dialect = Dialect(delimiter, chosen.quote, chosen.encoding, chosen.header_rows)
    try:
        done = pseudonymise(
            chosen.file,
            columns_named(chosen.columns),
            chosen.table,
            chosen.out,
            dialect,
            [word.strip() for word in chosen.missing.split(",") if word.strip()],
        )
    except (Stopped, OSError, LookupError, csv.Error, TypeError) as stopped:
        sys.stderr.write(f"nothing was written: {stopped}\n")
        return NEEDS_A_PERSON
    sys.stdout.write((json.dumps(done._asdict()) if chosen.json else said(done)) + "\n")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
