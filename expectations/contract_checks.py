"""What a practice's contract must keep beside its shape: it names only what exists.

Every check here finds, before the first night, what would otherwise show as a refused file, as
forms nobody can score, or not at all.
"""

from collections.abc import Iterator
from collections.abc import Mapping as MappingType

from expectations.cadence import cadence_problems
from expectations.delivery_checks import delivery_findings
from expectations.fhir_checks import fhir_findings
from expectations.file_checks import file_problems
from expectations.instrument import Instrument
from expectations.mapping_checks import mapping_problems, unknown_instrument
from expectations.model import Feed, FeedName
from expectations.needs_checks import needs_findings
from expectations.pattern_checks import (
    glob_problem,
    globs_overlap,
    regex_problem,
)
from expectations.practice import DELIMITED_FORMATS, Contract, FileSpec, Practice
from expectations.privacy_checks import privacy_findings
from expectations.schedule import Schedule
from expectations.tolerance_checks import tolerance_problems
from expectations.units import unit_problems
from expectations.yaml_source import Finding, YamlSource

Path = tuple[str | int, ...]
Instruments = MappingType[tuple[str, str], Instrument]


def contract_problems(
    source: YamlSource,
    practice: Practice,
    feeds: MappingType[FeedName, Feed],
    instruments: Instruments,
) -> list[str]:
    """What is wrong with one practice, each as `file:line: key: message`."""
    return [
        source.problem(at, text)
        for at, text in _practice_findings(source, practice, feeds, instruments)
    ]


def _practice_findings(
    source: YamlSource,
    practice: Practice,
    feeds: MappingType[FeedName, Feed],
    instruments: Instruments,
) -> Iterator[Finding]:
    if practice.practice_id != source.path.stem:
        yield ("practice_id",), f"must equal the file's name, {source.path.stem}"
    for position, site in enumerate(practice.sites):
        if site.open_to is not None and site.open_to < site.open_from:
            yield ("sites", position, "open_to"), "is before open_from"
    sites = tuple(site.site_id for site in practice.sites)
    for position, contract in enumerate(practice.contracts):
        at: Path = ("contracts", position)
        yield from _term_findings(at, contract)
        yield from needs_findings(at, contract, instruments)
        yield from privacy_findings(at, contract, feeds)
        yield from cadence_problems((*at, "cadence"), contract.cadence)
        for number, schedule in enumerate(contract.schedules):
            yield from _schedule_findings((*at, "schedules", number), schedule, sites, instruments)
        for number, spec in enumerate(contract.files):
            yield from _file_findings((*at, "files", number), spec)
            yield from file_problems((*at, "files", number), spec, feeds)
            yield from tolerance_problems((*at, "files", number), spec, feeds)
            yield from cadence_problems((*at, "files", number, "cadence"), spec.cadence)
            for which, mapping in enumerate(spec.mappings):
                place = (*at, "files", number, "mappings", which)
                feed = feeds[mapping.feed]
                yield from mapping_problems(place, mapping, feed, sites, instruments)
                yield from unit_problems(place, spec, mapping)
        yield from _collisions(at, contract)
        yield from delivery_findings(at, contract)


def _term_findings(at: Path, contract: Contract) -> Iterator[Finding]:
    if contract.valid_to is not None and contract.valid_to < contract.valid_from:
        yield (*at, "valid_to"), "is before valid_from"
    for number, agreement in enumerate(contract.agreements):
        if agreement.expires_on < agreement.signed_on:
            yield (*at, "agreements", number, "expires_on"), "is before signed_on"
    if not contract.owners:
        yield (*at, "owners"), "names nobody; who answers for this practice's files?"
    if contract.part_2_records and contract.default_use_permission == "all":
        yield (
            (*at, "default_use_permission"),
            "records under 42 CFR Part 2 are used with the client's consent alone: say care_only "
            "or none here, and map `use_permission` from the column that holds the consent",
        )
    if "administrations" in contract.feeds and len(contract.feeds) == 1:
        yield (
            (*at, "files"),
            (
                "sends administrations alone; a form's site is its session's or its episode's, so "
                "map episodes or sessions too (from the same file with `distinct: true` if need be)"
            ),
        )
    if "process_ratings" in contract.feeds and "sessions" not in contract.feeds:
        yield (
            (*at, "files"),
            "sends process ratings, which are of sessions, and no file holds any; map sessions",
        )
    if contract.episodes.derive is not None and "sessions" not in contract.feeds:
        yield (
            (*at, "episodes", "derive"),
            "episodes are derived of sessions, and no file holds any; map sessions or take it out",
        )


def _schedule_findings(
    at: Path, schedule: Schedule, sites: tuple[str, ...], instruments: Instruments
) -> Iterator[Finding]:
    instrument = instruments.get((schedule.instrument_code, schedule.version))
    if instrument is None:
        yield (
            (*at, "instrument_code"),
            unknown_instrument(schedule.instrument_code, schedule.version, instruments),
        )
    elif schedule.informant not in instrument.informants:
        yield (*at, "informant"), f"must be one of {', '.join(instrument.informants)}"
    if schedule.valid_to is not None and schedule.valid_to < schedule.valid_from:
        yield (*at, "valid_to"), "is before valid_from"
    for number, exemption in enumerate(schedule.exemptions):
        start, end = exemption.valid_from, exemption.valid_to
        if start is not None and end is not None and end < start:
            yield (*at, "exemptions", number, "valid_to"), "is before valid_from"
    for number, site in enumerate(schedule.scope.sites):
        if site not in sites:
            yield (*at, "scope", "sites", number), f"{site} is no site of this practice"


def _format_findings(at: Path, spec: FileSpec) -> Iterator[Finding]:
    """Options of another format: whoever wrote them expects something that will not happen."""
    if spec.format != "xlsx" and "sheet" in spec.model_fields_set:
        yield (*at, "sheet"), f"goes with format xlsx, not {spec.format}; take it out"
    if spec.format not in DELIMITED_FORMATS:
        for option in sorted(spec.dialect.model_fields_set - {"decimal_mark"}):
            yield (
                (*at, "dialect", option),
                f"goes with format csv, not {spec.format}; take it out",
            )


def _file_findings(at: Path, spec: FileSpec) -> Iterator[Finding]:
    yield from _format_findings(at, spec)
    found = {
        "pattern": glob_problem(spec.pattern),
        "id_pattern": regex_problem(spec.id_pattern),
    }
    for key, problem in found.items():
        if problem:
            yield (*at, key), problem
    yield from fhir_findings(at, spec)
    for number, column in enumerate(spec.discard):
        if column in spec.wanted_columns:
            yield (
                (*at, "discard", number),
                f"`{column}` is also mapped; keep it in one place",
            )


def _collisions(at: Path, contract: Contract) -> Iterator[Finding]:
    """Two kinds of file that one name could be: which contract reads it would be chance."""
    for number, later in enumerate(contract.files):
        for earlier in contract.files[:number]:
            if globs_overlap(earlier.pattern, later.pattern):
                yield (
                    (*at, "files", number, "pattern"),
                    (
                        f"a file's name can match both this and the pattern of `{earlier.file}`; "
                        "make them exclude each other"
                    ),
                )
