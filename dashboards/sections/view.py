"""What all parts of "Compare sites" are about: one view of a release, and whom it is read for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.release import (
    MEAN_SCORE,
    Adjustment,
    Choice,
    Instrument,
    ReferenceBand,
    Release,
    SiteResult,
)


@dataclass(frozen=True)
class View:
    """Rows of one view. `chosen` is None where it is read for the whole group."""

    release: Release
    choice: Choice
    instrument: Instrument
    rows: Sequence[SiteResult]
    chosen: SiteResult | None
    adjustments: Mapping[tuple[str, str], Adjustment]
    references: Sequence[ReferenceBand]

    @property
    def chosen_label(self) -> str | None:
        """Name of the site it is read for."""
        return self.chosen.site_label if self.chosen is not None else None

    @property
    def chosen_adjustment(self) -> Adjustment | None:
        """What is adjusted of that site."""
        if self.chosen is None:
            return None
        return self.adjustments.get((self.chosen.practice_id, self.chosen.site_id))

    @property
    def identity(self) -> dict[str, object]:
        """What a download says of itself at the start of every row."""
        form = self.choice.form
        return {
            "release_id": self.release.release_id,
            "instrument_code": form.instrument_code,
            "version": form.version,
            "key_status": self.instrument.key_status,
            "risk_notice": self.instrument.risk_notice,
            "cautions": self.instrument.cautions,
            "language": form.language,
            "informant": form.informant,
            "collection_mode": form.collection_mode,
            "metric": MEAN_SCORE,
            "stage": self.choice.stage,
            "period": self.choice.period,
        }

    def identity_of(self, site: SiteResult) -> dict[str, object]:
        """The same for the numbers of one site."""
        named = {"practice_id": site.practice_id, "site_id": site.site_id}
        return self.identity | named | {"site_label": site.site_label}
