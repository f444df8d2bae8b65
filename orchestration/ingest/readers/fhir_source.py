"""The resources of a FHIR file, one after the other: a resource a line, a Bundle, a list, or one.

Lines are streamed. A document has to be read whole, so it may be only so large; what is larger is
sent a resource a line, which is what bulk export writes.
"""

import codecs
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from orchestration.ingest.readers.fhir_elements import (
    BUNDLE_SHAPE,
    ENTRY_SHAPE,
    RESPONSE,
    Walked,
)
from orchestration.ingest.readers.strict_json import Number, parse
from orchestration.ingest.refusal import DeliveryRefused

MAX_LINE_BYTES = 16 * 2**20
MAX_DOCUMENT_BYTES = 16 * 2**20
_WITHOUT_REST = frozenset({"next", "previous", "prev"})


class FhirFile:
    """A file while it is read. `sha256` is whole once `resources` has come to its end."""

    def __init__(self, path: Path, max_bytes: int, walked: Walked, drop: frozenset[str]) -> None:
        self._path = path
        self._walked = walked
        self._drop = drop
        self._digest = hashlib.sha256()
        self.n_bytes = path.stat().st_size
        if self.n_bytes == 0:
            raise DeliveryRefused("empty_file", "the file is empty; send it again")
        if self.n_bytes > max_bytes:
            raise DeliveryRefused(
                "too_large",
                f"the file has {self.n_bytes} bytes, at most {max_bytes} are taken; split it",
            )

    @property
    def sha256(self) -> str:
        """Content hash of what has been read."""
        return self._digest.hexdigest()

    def resources(self) -> Iterator[tuple[Any, str]]:
        """Each resource with its place in the file, in words that may be shown.

        Raises DeliveryRefused: wrong_encoding, not_json and its kin, too_large, not_a_response,
        truncated_file, unexpected_element.
        """
        with self._path.open("rb") as stream:
            number, start = self._first_line(stream)
            if len(start) > MAX_LINE_BYTES:
                yield from self._document(start + self._rest(stream, len(start)))
                return
            try:
                first = parse(_text(start, number), f"line {number}")
            except DeliveryRefused as refusal:
                if refusal.reason != "not_json":
                    raise
                yield from self._document(start + self._rest(stream, len(start)))
                return
            following = self._lines(stream, number)
            second = next(following, None)
            if second is None:
                yield from self._of_document(first)
                return
            yield first, f"line {number}"
            yield parse(_text(second[1], second[0]), f"line {second[0]}"), f"line {second[0]}"
            for number, line in following:
                yield parse(_text(line, number), f"line {number}"), f"line {number}"

    def _first_line(self, stream: BinaryIO) -> tuple[int, bytes]:
        start = stream.read(4)
        stream.seek(0)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in start:
            raise _wrong_encoding("it starts like UTF-16 or UTF-32")
        if start.startswith(codecs.BOM_UTF8):
            self._digest.update(stream.read(len(codecs.BOM_UTF8)))
        found = next(self._lines(stream, 0, may_be_longer=True), None)
        if found is None:
            raise DeliveryRefused("no_rows", "the file holds blank lines only; send it again")
        return found

    def _lines(
        self, stream: BinaryIO, number: int, *, may_be_longer: bool = False
    ) -> Iterator[tuple[int, bytes]]:
        while line := stream.readline(MAX_LINE_BYTES + 1):
            number += 1
            self._digest.update(line)
            if len(line) > MAX_LINE_BYTES and not may_be_longer:
                raise DeliveryRefused(
                    "too_large",
                    f"line {number} has more than {MAX_LINE_BYTES} bytes, which no questionnaire "
                    "has; send one resource a line",
                )
            if line.strip():
                yield number, line

    def _rest(self, stream: BinaryIO, n_read: int) -> bytes:
        rest = stream.read(max(0, MAX_DOCUMENT_BYTES - n_read) + 1)
        if n_read + len(rest) > MAX_DOCUMENT_BYTES:
            raise DeliveryRefused(
                "too_large",
                f"one JSON document of more than {MAX_DOCUMENT_BYTES} bytes, or a first line that "
                "is no whole resource; send one resource a line (NDJSON)",
            )
        self._digest.update(rest)
        return rest

    def _document(self, content: bytes) -> Iterator[tuple[Any, str]]:
        yield from self._of_document(parse(_text(content, None), "the file"))

    def _of_document(self, document: Any) -> Iterator[tuple[Any, str]]:
        if isinstance(document, list):
            for number, resource in enumerate(document, start=1):
                yield resource, f"resource {number}"
        elif isinstance(document, dict) and document.get("resourceType") == "Bundle":
            yield from self._of_bundle(document)
        else:
            yield document, "resource 1"

    def _of_bundle(self, bundle: dict[str, Any]) -> Iterator[tuple[Any, str]]:
        entries = bundle.pop("entry", [])
        self._walked.walk(bundle, BUNDLE_SHAPE, "", "the Bundle", self._drop)
        if not isinstance(entries, list):
            self._walked.refused["entry (a list is expected)"] = "the Bundle"
            entries = []
        if not self._walked.refused:
            _check_whole(bundle, len(entries))
        for number, entry in enumerate(entries, start=1):
            place = f"entry {number}"
            resource = entry.pop("resource", None) if isinstance(entry, dict) else None
            self._walked.walk(entry, ENTRY_SHAPE, "", place, self._drop)
            yield resource, place


def response_at(resource: Any, place: str) -> dict[str, Any]:
    """The resource, which has to be a questionnaire response. Raises DeliveryRefused."""
    if not isinstance(resource, dict) or resource.get("resourceType") != RESPONSE:
        raise DeliveryRefused(
            "not_a_response",
            f"{place} is no {RESPONSE}; send those alone, without the resources they refer to",
        )
    return resource


def _check_whole(bundle: dict[str, Any], n_entries: int) -> None:
    """A search's Bundle says how many there are; one that is a page of several says that too."""
    relations = {link.get("relation") for link in bundle.get("link", [])}
    total = bundle.get("total")
    if bundle.get("type") != "searchset" or total is None or relations & _WITHOUT_REST:
        return
    if not isinstance(total, Number) or not total.isdigit() or int(total) > n_entries:
        raise DeliveryRefused(
            "truncated_file",
            f"the Bundle's total is not that of its {n_entries} entries; export it again",
        )


def _text(content: bytes, number: int | None) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeError as error:
        where = "some bytes" if number is None else f"some bytes of line {number}"
        raise _wrong_encoding(f"{where} are not valid in it") from error


def _wrong_encoding(why: str) -> DeliveryRefused:
    return DeliveryRefused(
        "wrong_encoding", f"FHIR is written in UTF-8, but {why}; export it again"
    )
