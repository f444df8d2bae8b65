"""What a contract's privacy class demands of the contract itself, told when the YAML is read.

A class is a claim under a law; each law wants something on paper before a file may come. What it
wants of the files is the gate's to see (orchestration/ingest/cell_scan.py).
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingType

from expectations.header_words import names_direct_identifier
from expectations.mapping import ONLY_YEAR, Source
from expectations.model import Feed, FeedName
from expectations.practice import AGREEMENT_KINDS, YEAR_ONLY, Contract, FileSpec
from expectations.yaml_source import Finding

Path = tuple[str | int, ...]


def privacy_findings(
    at: Path, contract: Contract, feeds: MappingType[FeedName, Feed]
) -> Iterator[Finding]:
    """What is missing for the class of one contract version, each with its place in the file."""
    yield from _paper_findings(at, contract)
    year_only = contract.privacy_class in YEAR_ONLY
    for number, spec in enumerate(contract.files):
        yield from _header_findings((*at, "files", number), spec, year_only)
        if year_only:
            yield from _year_findings((*at, "files", number), spec, feeds)
        if year_only and spec.cadence is not None and spec.cadence.every != "year":
            yield (*at, "files", number, "cadence"), _YEARLY
    if year_only and contract.cadence.every != "year":
        yield (*at, "cadence"), _YEARLY


_YEARLY = (
    "must be `every: year` under safe_harbor: the night on which a row is first seen is a date"
)


def _paper_findings(at: Path, contract: Contract) -> Iterator[Finding]:
    of_class = contract.privacy_class
    if not any(map(contract.is_paper_of_class, contract.agreements)):
        kinds = AGREEMENT_KINDS.get(of_class)
        said = f"of kind {' or '.join(kinds)} " if kinds else ""
        yield (
            (*at, "agreements"),
            f"{of_class} needs an agreement {said}on file; name it with its dates and purpose",
        )
    terms = contract.privacy_terms
    wanted = _TERMS.get(of_class, {})
    for key, why in wanted.items():
        if getattr(terms, key) is None:
            yield (*at, "privacy_terms"), f"{of_class} needs `{key}`: {why}"
    for key in sorted(terms.model_fields_set - set(wanted)):
        yield (*at, "privacy_terms", key), f"says nothing under {of_class}; take it out"


_TERMS = {
    "expert_determination": {
        "document": "the determination, by title and date (45 CFR 164.514(b)(1))",
    },
    "gdpr_pseudonymised": {
        "legal_basis": "the articles that allow it, such as 6(1)(e) with 9(2)(j)",
        "role": "whether the group is controller, joint_controller or processor (Art. 4, 26, 28)",
    },
}
"""Class -> what must be named, and why."""


def _header_findings(at: Path, spec: FileSpec, year_only: bool) -> Iterator[Finding]:
    if spec.format == "fhir":
        return
    for name in spec.wanted_columns:
        if names_direct_identifier(name, year_only):
            yield at, f"column `{name}` names a direct identifier; {_NEVER}"
    for number, name in enumerate(spec.discard):
        if names_direct_identifier(name, year_only):
            yield (*at, "discard", number), f"`{name}` names a direct identifier; {_NEVER}"


_NEVER = "no contract excuses one, so the practice must send its files without it"


def _year_findings(
    at: Path, spec: FileSpec, feeds: MappingType[FeedName, Feed]
) -> Iterator[Finding]:
    if spec.format == "fhir":
        yield (
            (*at, "format"),
            "cannot be fhir under safe_harbor: a response says on which day it was written; send a "
            "table with years and day offsets",
        )
        return
    for number, mapping in enumerate(spec.mappings):
        dates = {column.name for column in feeds[mapping.feed].columns if column.type == "date"}
        place = (*at, "mappings", number)
        yield from _date_findings(place, mapping.columns, dates)
        for form, block in enumerate(mapping.forms):
            yield from _date_findings((*place, "forms", form), block.columns, dates)


def _date_findings(
    at: Path, sources: MappingType[str, Source], dates: set[str]
) -> Iterator[Finding]:
    for name, source in sources.items():
        if name not in dates:
            continue
        if source.day_offset is None or source.date_format != ONLY_YEAR:
            yield (
                (*at, "columns", name),
                'must be a year under safe_harbor: `date_format: "%Y"` with `day_offset`, a '
                "column of days counted from a day that only the practice knows",
            )
