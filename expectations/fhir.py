"""What a contract says of FHIR questionnaire responses beside the mapping, and the columns it maps.

The reader turns each answered item into a row of these columns. Addresses of questionnaires and
code systems are declared here and stand for a word of ours, so no address is ever a cell.
"""

from expectations.base import Declaration

FHIR_COLUMNS = (
    "form_no",
    "response_id",
    "response_version",
    "version_state",
    "identifier",
    "status",
    "authored",
    "subject",
    "encounter",
    "episode",
    "author",
    "author_type",
    "source",
    "questionnaire",
    "language",
    "tag",
    "link_id",
    "item_code",
    "answer",
    "answer_system",
    "ordinal",
)
"""Columns of a file of questionnaire responses, one row an answered item.

`form_no` tells responses apart (versions of one response share it), `version_state` is one of
VERSION_STATES, `status` one of FHIR_STATUSES, `link_id` is without its leading slash and
`item_code` its last part. Of references the id alone is kept.
"""

CURRENT, SUPERSEDED, COPY = "current", "superseded", "copy"
VERSION_STATES = (CURRENT, SUPERSEDED, COPY)
"""Of one id's versions the newest is current, an older one superseded; a copy is the same again."""

FHIR_STATUSES = ("completed", "amended", "in-progress", "entered-in-error", "stopped")
FINISHED = ("completed", "amended")

NEVER_DROPPED = frozenset(
    {
        *("contained", "div", "name", "given", "family", "telecom", "address", "birthDate"),
        *("photo", "contact", "generalPractitioner", "identifier", "subject", "valueAttachment"),
        *("valueHumanName", "valueAddress", "valueContactPoint", "valueAnnotation"),
        *("modifierExtension", "valueIdentifier", "valueSignature", "deceasedDateTime"),
    }
)
"""Elements that no contract can excuse, wherever they stand."""


class FhirReading(Declaration):
    """How a practice's questionnaire responses are read."""

    questionnaires: dict[str, tuple[str, ...]]
    """Our word for a questionnaire -> what the practice writes: its canonical address (with or
    without `|version`), a reference, or the code of the panel its items stand in."""
    coded_strings: tuple[str, ...] = ()
    """Link ids whose `valueString` is one of a few words that the mapping recodes. Any other string
    is free text and refuses the file."""
    drop: tuple[str, ...] = ()
    """Further elements, as paths (`meta.extension`), that are scanned and never stored."""
    tag_system: str | None = None
    """The system of the `meta.tag` whose code becomes the column `tag`: a site, for example."""
    time_zone: str | None = None
    """The practice's zone (`America/Chicago`): `authored` is the day there. Without it the day is
    taken as written."""
