"""What a contract says of its deliveries as wholes: when a file was exported, which stretch of days
it speaks for, how far it may shrink, and the list of files that may come beside it.
"""

from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier

DeliveryScope = Literal["snapshot", "period", "append"]


class ExportDate(Declaration):
    """Where an export's date stands when it is not in the file's name.

    In a column, which holds the same day in every row of a file, or in the manifest. A column is
    read with `date_format` (strptime).
    """

    column: str | None = None
    date_format: str = "%Y-%m-%d"
    manifest: bool = False

    @model_validator(mode="after")
    def _one_place(self) -> "ExportDate":
        if (self.column is not None) == self.manifest:
            raise ValueError("an export's date stands in a `column` or in the `manifest`")
        return self


class Period(Declaration):
    """Which days a delivery of scope `period` speaks for: it replaces what lies in them.

    `on` is the canonical date column that is compared, by default the feed's own day. The first
    and last day are those of the file's own rows, or stand in its name (`pattern`, whose two groups
    are the days, written like an export's date), or in the manifest.
    """

    on: Identifier | None = None
    stated_in: Literal["rows", "file_name", "manifest"] = "rows"
    pattern: str | None = None

    @model_validator(mode="after")
    def _name_has_its_pattern(self) -> "Period":
        if (self.stated_in == "file_name") != (self.pattern is not None):
            raise ValueError("`pattern` goes with `stated_in: file_name`")
        return self


class ManifestTerms(Declaration):
    """A list that comes beside the files: name, sha256, rows, and the export's date.

    A listed file must be what the list says. `required`: a file that no list names is refused.
    """

    pattern: str
    format: Literal["csv", "yaml"] = "csv"
    delimiter: Literal[",", ";", "\t", "|"] = ","
    required: bool = False


class Shrinkage(Declaration):
    """How much smaller than its forerunners a delivery may be before a person has to look at it."""

    tolerated_share: float = Field(default=0.3, ge=0, le=1)
    note: str = "default"
