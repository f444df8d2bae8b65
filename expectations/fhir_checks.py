"""What a contract on FHIR questionnaire responses must keep: every status and version has a place.

A response that is unfinished, entered in error or superseded looks like any other once it is rows;
only the contract can keep it out, so a contract that forgets one is sent back.
"""

import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from expectations.fhir import (
    COPY,
    FHIR_COLUMNS,
    FHIR_STATUSES,
    FINISHED,
    NEVER_DROPPED,
    SUPERSEDED,
    FhirReading,
)
from expectations.mapping import Mapping
from expectations.practice import Dialect, FileSpec
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]
_ELEMENT_PATH = re.compile(r"_?[A-Za-z]+(\._?[A-Za-z]+)*")


def fhir_findings(at: Path, spec: FileSpec) -> Iterator[Finding]:
    """What is wrong with a file of format fhir, each with its place in the practice's file."""
    if spec.format != "fhir":
        if spec.fhir is not None:
            yield (*at, "fhir"), "goes with format fhir"
        return
    if spec.fhir is None:
        yield (*at, "format"), "fhir needs `fhir: {questionnaires: {...}}` beside it"
        return
    if spec.dialect != Dialect():
        yield (*at, "dialect"), "goes with text exports; FHIR says how it is written"
    for number, _ in enumerate(spec.discard):
        yield (*at, "discard", number), "goes with columns; name elements under `fhir.drop`"
    yield from _reading_findings((*at, "fhir"), spec.fhir)
    for number, mapping in enumerate(spec.mappings):
        yield from _mapping_findings((*at, "mappings", number), mapping, spec.fhir)
    for column in spec.wanted_columns:
        if column not in FHIR_COLUMNS:
            yield (
                (*at, "mappings"),
                f"`{column}` is no column of a FHIR file; they are {', '.join(FHIR_COLUMNS)}",
            )


def _reading_findings(at: Path, reading: FhirReading) -> Iterator[Finding]:
    said: dict[str, str] = {}
    for word, names in reading.questionnaires.items():
        for number, name in enumerate(names):
            if name in said:
                place = (*at, "questionnaires", word, number)
                yield place, f"already stands for {said[name]}"
            said[name] = word
    for number, path in enumerate(reading.drop):
        place = (*at, "drop", number)
        if not _ELEMENT_PATH.fullmatch(path):
            yield place, "must be a path of element names, like meta.extension"
        elif path == "text" or NEVER_DROPPED & set(path.split(".")):
            yield place, "may hold direct identifiers; the practice sends its file without it"
    for number, link_id in enumerate(reading.coded_strings):
        if link_id.startswith("/"):
            yield (*at, "coded_strings", number), "is written without its leading slash"
    if reading.time_zone is not None:
        try:
            ZoneInfo(reading.time_zone)
        except (KeyError, OSError, ValueError):
            yield (*at, "time_zone"), "must be a zone like Europe/Berlin"


def _mapping_findings(at: Path, mapping: Mapping, reading: FhirReading) -> Iterator[Finding]:
    excluded = {(rule.column, word) for rule in mapping.exclude for word in rule.words}
    for state, reason in ((SUPERSEDED, "superseded_version"), (COPY, "repeated_row")):
        if ("version_state", state) not in excluded:
            rule = f"{{column: version_state, words: [{state}], reason: {reason}}}"
            yield at, f"older versions and copies must not count twice; add to `exclude`: {rule}"
    if mapping.feed != "administrations":
        return
    if mapping.long is None:
        yield (*at, "layout"), "must be long: a row of a FHIR file is one answered item"
        return
    source = mapping.columns.get("status")
    named = set(source.recode) if source is not None and source.column == "status" else set()
    for status in FHIR_STATUSES:
        if status in FINISHED or ("status", status) in excluded:
            continue
        if status not in named or status == "entered-in-error":
            yield at, f"responses of status {status} need an `exclude` or a recode of `status`"
    long = mapping.long
    if long.form_columns != ("form_no",):
        yield (*at, "long", "form_columns"), "must be [form_no]"
    if long.ordinal_column != "ordinal":
        yield (
            (*at, "long"),
            "needs `ordinal_column: ordinal`, or a code and its weight differ unseen",
        )
    if long.value_column != "answer" or long.item_column not in ("link_id", "item_code"):
        yield (*at, "long"), "takes `value_column: answer` and items from link_id or item_code"
    for word, identity in long.identity.items():
        place = (*at, "long", "identity", word)
        if long.instrument_column == "questionnaire" and word not in reading.questionnaires:
            yield place, "is no word under `fhir.questionnaires`"
        if not identity.items:
            yield place, "needs `items`: item number -> link ids or codes"
        for name in (
            *(name for names in identity.items.values() for name in names),
            *identity.total,
            *identity.ignored,
        ):
            if name.startswith("/"):
                yield place, f"write {name} without its leading slash"
