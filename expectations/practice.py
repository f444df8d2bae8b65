"""Types of a practice's contract: who it is, what it sends, in which words, and under which terms.

Everything in which two practices differ is declared here; no code knows a practice by name.
"""

from datetime import date
from typing import Literal

from pydantic import model_validator

from expectations.base import Declaration, Identifier
from expectations.cadence import Cadence
from expectations.delivery_terms import (
    DeliveryScope,
    ExportDate,
    ManifestTerms,
    Period,
    Shrinkage,
)
from expectations.episode_terms import EpisodeTerms
from expectations.fhir import FhirReading
from expectations.mapping import Mapping
from expectations.model import FEED_NAMES, FeedName
from expectations.schedule import Schedule
from expectations.tolerance import Tolerance

PrivacyClass = Literal[
    "limited_data_set", "safe_harbor", "expert_determination", "gdpr_pseudonymised", "phi_under_baa"
]
YEAR_ONLY: tuple[PrivacyClass, ...] = ("safe_harbor",)
"""Classes under which dates are years, ages end at 90 and no place is smaller than a state."""
AGREEMENT_KINDS: dict[PrivacyClass, tuple[str, ...]] = {
    "phi_under_baa": ("business_associate_agreement", "business_associate", "baa"),
}
"""Classes that need a certain paper (45 CFR 164.504(e)); the others need one of any kind."""


class Agreement(Declaration):
    """The paper a practice's exports come under. An expired one stops the practice's ingest."""

    kind: str
    signed_on: date
    expires_on: date
    purpose: str


class PrivacyTerms(Declaration):
    """What a privacy class rests on beside an agreement; which of it is needed, the class says."""

    document: str | None = None
    """Of expert_determination: the expert's document, by title and date."""
    legal_basis: str | None = None
    """Of gdpr_pseudonymised: the articles that allow the processing."""
    role: Literal["controller", "joint_controller", "processor"] | None = None
    """Of gdpr_pseudonymised: what the group is to the practice."""


class Site(Declaration):
    """A place the group compares, open for a stretch of time."""

    site_id: Identifier
    name: str
    service_setting: str
    peer_group: str | None = None
    open_from: date
    open_to: date | None = None


DEFAULT_QUARANTINE_SHARE = 0.05
DELIMITED_FORMATS = ("csv", "redcap", "qualtrics")
"""Formats that are delimited text, whose dialect has to be told."""


class Dialect(Declaration):
    """How the bytes of a text export are to be read.

    XLSX and Parquet say so themselves; there `decimal_mark` alone means something, for numbers that
    stand in text and for those that become text.
    """

    delimiter: Literal[",", ";", "\t", "|"] = ","
    quote: Literal['"', "'"] = '"'
    encoding: Literal["utf-8", "latin-1", "utf-16"] = "utf-8"
    decimal_mark: Literal[".", ","] = "."
    final_newline: Literal["required", "optional"] = "required"
    """A file cut off in its last cell shows only in the missing line end."""
    compression: Literal["none", "gzip"] = "none"


class Times(Declaration):
    """Which day a point in time belongs to, where a file writes times of another place.

    `written_in` is the zone of times that say none of their own; `days_in` is where the practice
    is: a form filled in at 23:30 there is that day's, whatever the day is in UTC.
    """

    written_in: str = "UTC"
    days_in: str


def has_time(pattern: str) -> bool:
    """Whether a date format reads a time of the day, too."""
    return "%H" in pattern or "%I" in pattern


def has_offset(pattern: str) -> bool:
    """Whether a date format reads how far a time is from UTC."""
    return "%z" in pattern


class FileSpec(Declaration):
    """One kind of file a practice sends."""

    file: Identifier
    pattern: str
    """Glob on the file's name, e.g. `sessions_*.csv`."""
    format: Literal["csv", "xlsx", "parquet", "redcap", "qualtrics", "fhir"] = "csv"
    """`csv` is delimited text of any dialect, TSV included."""
    coding: Literal["raw", "label"] = "raw"
    """Of redcap and qualtrics: whether a choice is exported as its code or as its label."""
    header_rows: Literal[2, 3] = 3
    """Of qualtrics: names, wording and import ids, or the older form without the last."""
    fhir: FhirReading | None = None
    dialect: Dialect = Dialect()
    sheet: str | None = None
    """XLSX: the sheet's name; without it the workbook has one visible sheet only."""
    missing: tuple[str, ...] = ()
    """Words that mean "not recorded" in any column of this file, beside the empty cell."""
    id_pattern: str = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
    """What the sender's ids look like; the gate also wants a digit in each."""
    discard: tuple[str, ...] = ()
    """Columns that are scanned and never stored."""
    exported_at: str | ExportDate | None = None
    """Regular expression on the file's name whose first group is the export's date, YYYYMMDD or
    YYYY-MM-DD (also with `_` or `.`); or the column, or the manifest, that holds the date. A file
    that gives none is refused. Without `exported_at` arrival decides which version of a row
    wins."""
    delivery_scope: DeliveryScope = "append"
    """What a newer delivery does to older ones of this kind of file: a `snapshot` takes out every
    row it does not hold, a `period` those that lie in its days, `append` corrects by key."""
    period: Period = Period()
    shrinkage: Shrinkage = Shrinkage()
    cadence: Cadence | None = None
    """Of this kind of file, where it comes at other times than the contract's `cadence` says."""
    mappings: tuple[Mapping, ...]
    tolerated: tuple[Tolerance, ...] = ()
    """What this practice's files may miss, check by check; nothing else of the rules changes."""
    id_namespaces: dict[str, Identifier] = {}
    """Column of ids -> the system that gave them, where two systems of a practice count alike.
    Client 17 of `survey` is then another than client 17 of the files that say nothing; everywhere
    else (withdrawals) that client is called `survey:17`."""
    times: Times | None = None

    def tolerated_shares(self, day: date | None = None) -> dict[str, float]:
        """Check -> the share of rows that may fail it, of what is in force (on `day`)."""
        return {
            each.check: each.share
            for each in self.tolerated
            if day is None or each.until is None or day <= each.until
        }

    @model_validator(mode="after")
    def _one_mapping_a_feed(self) -> "FileSpec":
        feeds = [mapping.feed for mapping in self.mappings]
        if not feeds or len(set(feeds)) != len(feeds):
            raise ValueError(f"file {self.file}: one mapping for each feed, at least one")
        return self

    @model_validator(mode="after")
    def _period_fits_the_scope(self) -> "FileSpec":
        if "period" in self.model_fields_set and self.delivery_scope != "period":
            raise ValueError(f"file {self.file}: `period` goes with delivery_scope period")
        return self

    @model_validator(mode="after")
    def _options_fit_the_format(self) -> "FileSpec":
        if self.coding != "raw" and self.format not in ("redcap", "qualtrics"):
            raise ValueError(f"file {self.file}: `coding` goes with format redcap or qualtrics")
        if self.header_rows != 3 and self.format != "qualtrics":
            raise ValueError(f"file {self.file}: `header_rows` goes with format qualtrics")
        return self

    @property
    def export_date_pattern(self) -> str | None:
        """Where in a file's name its export's date stands; None when it stands elsewhere."""
        return self.exported_at if isinstance(self.exported_at, str) else None

    @property
    def export_date(self) -> ExportDate | None:
        """Where else the export's date stands."""
        return self.exported_at if isinstance(self.exported_at, ExportDate) else None

    @property
    def wanted_columns(self) -> tuple[str, ...]:
        """Every column of the file a mapping reads, in first-use order, `discard` left out."""
        names: dict[str, None] = {}
        for mapping in self.mappings:
            for source in (
                *mapping.columns.values(),
                *(own for block in mapping.forms for own in block.columns.values()),
            ):
                for column in source.read_columns:
                    names.setdefault(column)
            for block in mapping.forms:
                for column in (*block.items.values(), *([block.total] if block.total else [])):
                    names.setdefault(column)
            if mapping.long is not None:
                long = mapping.long
                for column in (
                    *long.form_columns,
                    long.instrument_column,
                    long.item_column,
                    long.value_column,
                    *([long.ordinal_column] if long.ordinal_column else []),
                ):
                    names.setdefault(column)
            for rule in mapping.row_rules:
                names.setdefault(rule.column)
        if self.export_date is not None and self.export_date.column is not None:
            names.setdefault(self.export_date.column)
        return tuple(names)


class Retention(Declaration):
    """How long what is kept is kept, in days."""

    archive_days: int = 3650
    raw_days: int = 3650
    releases_days: int = 3650
    audit_days: int = 3650


class Contract(Declaration):
    """One dated version of what a practice and the group agreed. `valid_to` is inclusive."""

    valid_from: date
    valid_to: date | None = None
    privacy_class: PrivacyClass
    privacy_terms: PrivacyTerms = PrivacyTerms()
    agreements: tuple[Agreement, ...]
    default_use_permission: Literal["all", "care_only", "none"] = "all"
    part_2_records: bool = False
    owners: tuple[str, ...]
    retention: Retention = Retention()
    cadence: Cadence = Cadence()
    manifest: ManifestTerms | None = None
    schedules: tuple[Schedule, ...] = ()
    episodes: EpisodeTerms = EpisodeTerms()
    files: tuple[FileSpec, ...]

    @model_validator(mode="after")
    def _distinct_names(self) -> "Contract":
        for what, names in (
            ("file", [spec.file for spec in self.files]),
            ("schedule", [schedule.schedule_id for schedule in self.schedules]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"a {what} is declared twice")
        return self

    @property
    def feeds(self) -> tuple[FeedName, ...]:
        """The feeds this contract delivers, in the canonical order."""
        sent = {mapping.feed for spec in self.files for mapping in spec.mappings}
        return tuple(feed for feed in FEED_NAMES if feed in sent)

    def cadence_of(self, spec: FileSpec) -> Cadence:
        """When a kind of file is expected: by its own cadence, else by the contract's."""
        return spec.cadence or self.cadence

    def has_agreement_on(self, day: date) -> bool:
        """Whether an agreement is in force on `day`; without one nothing is taken in."""
        return any(
            paper.signed_on <= day <= paper.expires_on
            for paper in self.agreements
            if self.is_paper_of_class(paper)
        )

    def is_paper_of_class(self, paper: Agreement) -> bool:
        """Whether an agreement is of a kind that the privacy class can rest on."""
        kinds = AGREEMENT_KINDS.get(self.privacy_class)
        kind = paper.kind.strip().casefold().replace(" ", "_").replace("-", "_")
        return kinds is None or kind in kinds


class Practice(Declaration):
    """A practice of the group: its sites and its contract, version by version."""

    practice_id: Identifier
    name: str
    sites: tuple[Site, ...]
    contracts: tuple[Contract, ...]

    @model_validator(mode="after")
    def _versions_do_not_overlap(self) -> "Practice":
        if not self.sites or not self.contracts:
            raise ValueError(f"{self.practice_id}: at least one site and one contract version")
        names = [site.site_id for site in self.sites]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.practice_id}: a site is declared twice")
        for earlier, later in zip(self.contracts, self.contracts[1:], strict=False):
            if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
                raise ValueError(f"{self.practice_id}: contract versions overlap or are unordered")
        return self

    def contract_on(self, day: date) -> Contract | None:
        """The version valid on `day`, or None."""
        for contract in self.contracts:
            if contract.valid_from <= day and (
                contract.valid_to is None or day <= contract.valid_to
            ):
                return contract
        return None
