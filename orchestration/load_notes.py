"""What the archive knows of each load, so that it can stand for a ledger that is lost.

Beside the archived files of a practice lie, sealed with the practice's key, one note for each load
(`loads/`: the ledger's row) and the declarations it was taken in under (`rules/`). A note is
written once the load is committed; what a killed run did not write is written by the next one, out
of the ledger. So a note whose load the ledger does not know means that the warehouse lost a commit.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestration.durable import fsync_directory
from orchestration.ingest.pseudonyms import PracticeKey

LOADS, RULES, WITHDRAWALS = "loads", "rules", "withdrawals"
NOTED_STATES = ("loaded", "duplicate")
"""States of the ledger that say which rows stand: bytes that came again may move a load's place."""
MAGIC = b"AWN1"
_NONCE_BYTES = 12
_READS: Mapping[str, Any] = {"_at": datetime.fromisoformat, "_on": date.fromisoformat}
"""Columns of the ledger whose JSON is not their value, by the end of their names."""
_DAYS = ("contract_valid_from",)

LedgerRow = dict[str, Any]
Withdrawal = tuple[str, str, str]
"""Pseudonym, day, reason."""


class NoteDamaged(Exception):
    """A sealed note that is not what was written, or whose key is not the right one."""


@dataclass(frozen=True, order=True)
class LoadName:
    """A load as its note's file name gives it; needs no key."""

    load_seq: int
    delivery_id: str

    @property
    def practice_id(self) -> str:
        """Whose delivery it is."""
        return self.delivery_id.partition(".")[0]

    @property
    def file_name(self) -> str:
        """Name of the note."""
        return f"{self.load_seq}.{self.delivery_id}"

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "LoadName":
        """The name of a ledger row's note."""
        return cls(int(row["load_seq"]), str(row["delivery_id"]))


@dataclass(frozen=True)
class LoadNotes:
    """The notes of one archive folder."""

    root: Path

    def names(self) -> set[LoadName]:
        """Every load that is noted."""
        return set(self._listed())

    def practices(self) -> list[str]:
        """Practices that have notes."""
        kinds = (LOADS, RULES, WITHDRAWALS)
        folders = {path.parent for kind in kinds for path in self.root.glob(f"*/{kind}")}
        return sorted(folder.name for folder in folders if "." not in folder.name)

    def _listed(self) -> Iterator[LoadName]:
        for folder in self.root.glob(f"*/{LOADS}"):
            if "." in folder.parent.name:
                continue  # what a rotation of keys writes beside the archive
            for path in folder.iterdir():
                number, _, delivery_id = path.name.partition(".")
                # A note half written by a killed run has another name.
                if number.isdigit() and not path.name.endswith(".writing"):
                    yield LoadName(int(number), delivery_id)

    def write(self, key: PracticeKey, row: Mapping[str, Any]) -> None:
        """Note a committed load: its row of the ledger."""
        name = LoadName.of(row)
        text = json.dumps(dict(row), default=str, sort_keys=True)
        self._write(key, LOADS, name.file_name, text)

    def read(self, key: PracticeKey, name: LoadName) -> LedgerRow:
        """A load's row of the ledger. Raises NoteDamaged."""
        found: LedgerRow = json.loads(self._read(key, LOADS, name.file_name))
        return {column: _value(column, cell) for column, cell in found.items()}

    def keep_rules(self, key: PracticeKey, digest: str, text: str) -> None:
        """Keep the declarations a load was taken in under."""
        self._write(key, RULES, digest, text)

    def rules(self, key: PracticeKey, digest: str) -> str | None:
        """Declarations kept under a digest; None when there are none. Raises NoteDamaged."""
        return self._read(key, RULES, digest) if self.has_rules(key.practice_id, digest) else None

    def keep_withdrawals(self, key: PracticeKey, rows: Sequence[Withdrawal]) -> None:
        """Keep who withdrew of a practice: pseudonym, day, reason; in order."""
        text = json.dumps([list(row) for row in rows])
        if self._path(key.practice_id, WITHDRAWALS, WITHDRAWALS).exists():
            with contextlib.suppress(NoteDamaged):
                if self._read(key, WITHDRAWALS, WITHDRAWALS) == text:
                    return
        self._write(key, WITHDRAWALS, WITHDRAWALS, text)

    def withdrawals(self, key: PracticeKey) -> list[Withdrawal]:
        """Who withdrew, as far as it is kept. Raises NoteDamaged."""
        if not self._path(key.practice_id, WITHDRAWALS, WITHDRAWALS).exists():
            return []
        found = json.loads(self._read(key, WITHDRAWALS, WITHDRAWALS))
        return [(str(row[0]), str(row[1]), str(row[2])) for row in found]

    def reseal(self, kind: str, name: str, old: PracticeKey, new: PracticeKey) -> bytes:
        """A note of the old key's, sealed with the key that replaces it. Raises NoteDamaged."""
        text = self._read(old, kind, name)
        if kind == WITHDRAWALS:
            rows = [[str(new.successor(UUID(row[0]))), *row[1:]] for row in json.loads(text)]
            text = json.dumps(sorted(rows))
        return _sealed(new, kind, name, text)

    def has_rules(self, practice_id: str, digest: str) -> bool:
        """Whether declarations of that digest are kept."""
        return self._path(practice_id, RULES, digest).exists()

    def _path(self, practice_id: str, kind: str, name: str) -> Path:
        return self.root / practice_id / kind / name

    def _write(self, key: PracticeKey, kind: str, name: str, text: str) -> None:
        path = self._path(key.practice_id, kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        candidate = path.with_name(path.name + ".writing")
        with candidate.open("wb") as stream:
            stream.write(_sealed(key, kind, name, text))
            stream.flush()
            os.fsync(stream.fileno())
        candidate.replace(path)
        fsync_directory(path.parent)

    def _read(self, key: PracticeKey, kind: str, name: str) -> str:
        content = self._path(key.practice_id, kind, name).read_bytes()
        start = len(MAGIC) + _NONCE_BYTES
        cipher = AESGCM(key.derived("archive note"))
        try:
            if not content.startswith(MAGIC):
                raise InvalidTag
            sealed = content[start:]
            plain = cipher.decrypt(content[len(MAGIC) : start], sealed, _place(key, kind, name))
        except (InvalidTag, ValueError) as error:
            raise NoteDamaged(
                f"the note {kind}/{name} of practice {key.practice_id} does not open: damaged, "
                "moved, or another key"
            ) from error
        return plain.decode()


def _sealed(key: PracticeKey, kind: str, name: str, text: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    cipher = AESGCM(key.derived("archive note"))
    return MAGIC + nonce + cipher.encrypt(nonce, text.encode(), _place(key, kind, name))


def _place(key: PracticeKey, kind: str, name: str) -> bytes:
    """Bound to the seal, so that a note put in another's place does not open."""
    return f"{key.practice_id}/{kind}/{name}".encode()


def _value(column: str, cell: Any) -> Any:
    if isinstance(cell, str):
        read = _READS.get(column[-3:]) or (date.fromisoformat if column in _DAYS else None)
        return read(cell) if read else cell
    return cell


def noted_rows(con: duckdb.DuckDBPyConnection, load_seqs: Sequence[int]) -> list[LedgerRow]:
    """The ledger's rows of some numbers that belong into notes, in order."""
    found = con.execute(
        "select * from raw.deliveries where list_contains($states, state) "
        "and list_contains($numbers, load_seq) order by load_seq",
        {"states": list(NOTED_STATES), "numbers": list(load_seqs)},
    )
    columns = [column[0] for column in found.description or ()]
    return [dict(zip(columns, row, strict=True)) for row in found.fetchall()]


def known_names(con: duckdb.DuckDBPyConnection) -> set[LoadName]:
    """What the ledger knows of and belongs into notes."""
    rows = con.execute(
        "select load_seq, delivery_id from raw.deliveries where list_contains(?, state)",
        [list(NOTED_STATES)],
    ).fetchall()
    return {LoadName(int(number), str(name)) for number, name in rows}


def said_briefly(names: Iterable[LoadName], most: int = 3) -> str:
    """Some loads by delivery id, and how many more there are."""
    found = sorted(names)
    shown = ", ".join(name.delivery_id for name in found[:most])
    return shown + (f" and {len(found) - most} more" if len(found) > most else "")
