"""Rows of a release, made by hand: what a test does not name has an ordinary value."""

from dataclasses import replace

from dashboards.release import Adjustment, Instrument, SiteResult

ALLIANCE = Instrument(
    instrument_code="srs",
    version="3",
    name="Session Rating Scale",
    kind="alliance",
    direction="higher_is_better",
    total_minimum=0,
    total_maximum=40,
    key_status="verified",
    key_note="Read in a primary source.",
    licence="See its terms.",
    citations="A citation.",
)
SYMPTOMS = replace(
    ALLIANCE,
    instrument_code="phq_9",
    name="Symptom form",
    kind="outcome",
    direction="lower_is_better",
    total_maximum=27,
)

WITHIN = SiteResult(
    practice_id="harbour",
    practice_name="Harbour",
    site_id="mill_road",
    site_label="Mill Road",
    n_clients=212,
    n_therapists=8,
    n_forms=1272,
    response_rate=0.72,
    ceiling_share=0.24,
    raw=35.2,
    standard_error=0.5,
    target=35.4,
    tau2=0.09,
    lower95=34.3,
    upper95=36.5,
    lower998=33.6,
    upper998=37.2,
    flag="within",
    comparability=None,
    is_suppressed=False,
    suppression_reason=None,
)

ADJUSTED = Adjustment(
    practice_id="harbour",
    site_id="mill_road",
    expected=35.6,
    adjusted=35.0,
    standard_error=0.52,
    target=35.3,
    lower95=34.2,
    upper95=36.4,
    lower998=33.5,
    upper998=37.1,
    flag="within",
    shrunken=None,
    shrunken_lower95=None,
    shrunken_upper95=None,
    largest_share_missing=0.05,
    not_identifiable=None,
    null_reason=None,
)

NO_LIMITS: dict[str, None] = dict.fromkeys(
    ("target", "tau2", "lower95", "upper95", "lower998", "upper998", "flag")
)
NO_NUMBERS: dict[str, None] = NO_LIMITS | dict.fromkeys(
    (
        "n_clients",
        "n_therapists",
        "n_forms",
        "response_rate",
        "ceiling_share",
        "raw",
        "standard_error",
    )
)


def row(**changes: object) -> SiteResult:
    """An ordinary site within its range, with `changes`."""
    return replace(WITHIN, **changes)  # type: ignore[arg-type]


def named(label: str, **changes: object) -> SiteResult:
    """The same under another name."""
    return row(site_label=label, site_id=label.lower().replace(" ", "_"), **changes)


def suppressed(label: str = "West End") -> SiteResult:
    """A site whose numbers are absent from the release."""
    return named(label, **NO_NUMBERS, is_suppressed=True, suppression_reason="too_few")


def adjusted(label: str, **changes: object) -> Adjustment:
    """The ordinary adjustment of the site of that name, with `changes`."""
    site_id = label.lower().replace(" ", "_")
    return replace(ADJUSTED, site_id=site_id, **changes)  # type: ignore[arg-type]
