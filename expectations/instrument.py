"""Types of an instrument's declaration: keys, ranges, missing rules, provenance. Never wording."""

from typing import Literal

from pydantic import Field, model_validator

from expectations.base import Declaration, Identifier
from expectations.instrument_facts import (
    Construct,
    CutOff,
    Mark,
    ParallelForm,
    ReliableChange,
    SourcedFact,
)
from expectations.model import Informant
from expectations.published_norm import PublishedNorm

RISK_NOTICE = "Some items ask about risk. This is not an alerting system: nobody is told of a form."
"""Stands wherever an instrument with risk items is shown."""


class MissingRule(Declaration):
    """When a scale with unanswered items still has a score.

    `complete_only`: never. `prorate`: with at most `max_missing` unanswered items (or at least
    `min_answered` answered ones) the score is what the answered items' mean gives for all items.
    `fill_with_rounded_mean`: the same, but each unanswered item counts as the answered items' mean
    rounded to a whole number. `every_part`: for a scale made of scales; each must have a score.
    """

    rule: Literal["complete_only", "prorate", "fill_with_rounded_mean", "every_part"]
    max_missing: int = Field(default=0, ge=0)
    min_answered: int | None = Field(default=None, ge=1)
    mark: Mark | None = None
    source: str

    @model_validator(mode="after")
    def _only_its_own_bounds(self) -> "MissingRule":
        if self.rule in ("complete_only", "every_part") and (self.max_missing or self.min_answered):
            raise ValueError(f"{self.rule} admits no missing item")
        if self.max_missing and self.min_answered:
            raise ValueError("max_missing or min_answered, not both")
        return self

    def admitted(self, n_items: int) -> int:
        """Unanswered items a scale of `n_items` may have and still be scored, count."""
        return self.max_missing if self.min_answered is None else n_items - self.min_answered


class Scale(Declaration):
    """A score made of items, or of other scales. `total` is the one every instrument has.

    `mean` is multiplied by `factor`. `sum_of_scales` adds the scores of `parts`, each by its own
    missing rule and rounding; `items` are then those of the parts. `decimals` rounds half away from
    zero; null keeps what the division gives.
    """

    scale: Identifier
    items: tuple[int, ...] = ()
    method: Literal["sum", "mean", "sum_of_scales"] = "sum"
    factor: float = Field(default=1, gt=0)
    parts: tuple[Identifier, ...] = ()
    minimum: float
    maximum: float
    missing: MissingRule
    decimals: int | None = None
    direction: Literal["higher_is_better", "lower_is_better"] | None = None
    """Where it runs the other way than the instrument."""
    alliance_construct: Construct | None = None
    mark: Mark | None = None
    source: str

    @model_validator(mode="after")
    def _method_has_what_it_needs(self) -> "Scale":
        is_composed = self.method == "sum_of_scales"
        if is_composed != bool(self.parts) or is_composed != (self.missing.rule == "every_part"):
            raise ValueError(
                f"{self.scale}: method sum_of_scales, `parts` and missing rule every_part go "
                "together"
            )
        if self.factor != 1 and self.method != "mean":
            raise ValueError(f"{self.scale}: factor goes with method mean")
        return self

    @property
    def max_missing(self) -> int:
        """Unanswered items the scale may have and still be scored, count."""
        return self.missing.admitted(len(self.items))


class WorkedExample(Declaration):
    """A form and the scores it must give; null means that the rule withholds the score.

    `pomp` is the same score in percent of its range, 100 * (x - minimum) / (maximum - minimum): it
    pins down the scale's bounds. A form with `refused_items` goes to quarantine, because these
    answers and no others are inadmissible; it has no scores. It pins down the items' range.
    """

    name: str
    arithmetic: str
    items: dict[int, float | None] = {}
    stated_total: float | None = None
    scores: dict[Identifier, float | None] = {}
    pomp: dict[Identifier, float] = {}
    refused_items: tuple[int, ...] = ()


class Instrument(Declaration):
    """One instrument x version; identity is with response points, language and informant."""

    instrument_code: Identifier
    version: str
    name: str
    kind: Literal["alliance", "outcome", "satisfaction", "process"]
    """What it is for. `process` is about the work and is never read as alliance."""
    constructs: tuple[Construct, ...] = ()
    """What its authors say it measures, whether or not a scale's key is known."""
    informants: tuple[Informant, ...]
    informant_words: dict[str, Informant] = {}
    """The instrument's own words for who fills it in, where they are others than ours."""
    languages: tuple[str, ...]
    n_items: int = Field(ge=0)
    item_minimum: float | None = None
    item_maximum: float | None = None
    item_step: float | None = 1
    """Distance between response points; null for a visual-analogue line (any number in range)."""
    item_coding: Literal["printed_value", "position", "unknown"]
    """What an answer's number is. Where nobody knows, items load and are not scored."""
    reversed_items: tuple[int, ...] = ()
    reversal_unknown: bool = False
    """Which items are reversed is not known: items load and are not scored."""
    excluded_items: tuple[int, ...] = ()
    """Questions on the form, numbered after the items, that are in no score and are not loaded."""
    direction: Literal["higher_is_better", "lower_is_better"]
    scales: tuple[Scale, ...]
    totals_only: bool = False
    risk_items: tuple[int, ...] = ()
    """Items about risk. They load like the others; this is not an alerting system."""
    rater_for: tuple[Informant, ...] = ()
    """Informants whose forms mean nothing without who rated: a contract must map `rater_id`."""
    needs_group: bool = False
    """Its forms are about a group: a contract must map the sessions' `group_session_id`."""
    cut_offs: tuple[CutOff, ...] = ()
    reliable_change: tuple[ReliableChange, ...] = ()
    norms: tuple[PublishedNorm, ...] = ()
    """Totals of other populations, with source and N; bands a site may be seen beside."""
    parallel_to: tuple[ParallelForm, ...] = ()
    """Instruments whose totals ask the same of somebody else; it holds in both directions."""
    cautions: tuple[str, ...] = ()
    """What has to stand beside its numbers."""
    key_status: Literal["verified", "unverified"]
    key_note: str
    sources: tuple[SourcedFact, ...] = ()
    licence: str
    loinc_panel: str | None = None
    loinc_items: dict[int, str] = {}
    """Item number -> its LOINC code, where the panel has one for each."""
    loinc_total: str | None = None
    loinc_answers: dict[str, float] = {}
    """LOINC answer code -> the printed value it stands for."""
    citations: tuple[str, ...]
    examples: tuple[WorkedExample, ...]

    @model_validator(mode="after")
    def _consistent(self) -> "Instrument":
        code = self.instrument_code
        names = [scale.scale for scale in self.scales]
        if names.count("total") != 1 or len(set(names)) != len(names):
            raise ValueError(f"{code}: scales must be distinct and one of them the total")
        if self.totals_only != (self.n_items == 0):
            raise ValueError(f"{code}: totals_only means n_items 0, and the other way round")
        if not self.totals_only and (self.item_minimum is None or self.item_maximum is None):
            raise ValueError(f"{code}: item_minimum and item_maximum are needed")
        known = set(range(1, self.n_items + 1))
        if self.loinc_items and set(self.loinc_items) != known:
            raise ValueError(f"{code}: loinc_items name every item, or none")
        if not all(map(self.is_admissible, self.loinc_answers.values())):
            raise ValueError(f"{code}: loinc_answers stand for answers that the form offers")
        for scale in self.scales:
            if set(scale.items) - known or len(set(scale.items)) != len(scale.items):
                raise ValueError(f"{code}.{scale.scale}: items are not distinct numbers in 1..n")
            if bool(scale.items) == self.totals_only:
                raise ValueError(f"{code}.{scale.scale}: a scale has items unless totals_only")
        if set(self.reversed_items) - known or set(self.risk_items) - known:
            raise ValueError(f"{code}: reversed or risk items outside 1..n")
        for example in self.examples:
            scored = set() if example.refused_items else set(names)
            if set(example.items) - known or set(example.scores) != scored:
                raise ValueError(
                    f"{code}: example {example.name!r} must score every scale, or none if refused"
                )
        return self

    @property
    def total(self) -> Scale:
        """The scale called total."""
        return next(scale for scale in self.scales if scale.scale == "total")

    @property
    def is_scored(self) -> bool:
        """Whether its answers can be scored; where not, a total that was sent stands."""
        return not (self.totals_only or self.reversal_unknown or self.item_coding == "unknown")

    @property
    def response_values(self) -> tuple[float, ...] | None:
        """Every admissible answer, or None when the answer is a point on a line."""
        if self.item_step is None or self.item_minimum is None or self.item_maximum is None:
            return None
        n_points = round((self.item_maximum - self.item_minimum) / self.item_step) + 1
        # Answers are stored with three decimals: 3 * 0.1 has to be the 0.3 a form states.
        return tuple(
            round(self.item_minimum + self.item_step * point, 3) for point in range(n_points)
        )

    def is_admissible(self, answer: float) -> bool:
        """Whether `answer` is one the form offers: a response point, or a place on the line."""
        if self.item_minimum is None or self.item_maximum is None:
            return False
        points = self.response_values
        if points is not None:
            return answer in points
        return self.item_minimum <= answer <= self.item_maximum
