"""When a site's value may not be held against the network's, and why: each reason by name.

Two sites differ in more than their alliance when other clients were asked, so every reason stands
beside the value (metrics reference, "Not comparable"), and some take the flag away as well.
Versions, languages and collection modes never meet: each is a network of its own. Forms of which
language or mode was not recorded are a network, too, and its sites cannot be known to be alike:
`language_unknown` and `collection_mode_unknown` say so. What only case mix can tell,
`covariate_not_identifiable`, comes after the others (release/queries): the raw value and its flag
stay, and no adjusted value stands beside them.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from expectations.model import NOT_RECORDED, Thresholds

THERAPISTS_TAKING_PART_FLOOR = 0.6
"""Below this share of therapists with any form, the site's clients speak for a few therapists."""

REASONS: tuple[str, ...] = (
    "too_few_clients",
    "therapist_unknown",
    "data_incomplete",
    "response_rate_low",
    "response_rates_differ",
    "response_rate_unknown",
    "therapists_taking_part_low",
    "dates_by_year",
    "language_unknown",
    "collection_mode_unknown",
    "too_few_sites",
    "therapists_not_separable",
    "no_variation",
    "covariate_not_identifiable",
)
"""Every reason, in the order in which they are printed."""


WITHHOLDS_FLAG: tuple[str, ...] = (
    "too_few_clients",
    "therapist_unknown",
    "data_incomplete",
    "too_few_sites",
    "therapists_not_separable",
    "no_variation",
)
"""Reasons that take a cell's flag away: its position or its margin is not known well enough.

Who was asked (the response reasons) leaves the flag and is named beside it: the site does lie where
the flag says, and the reader is told why that may not be its alliance. So do language and
collection mode that nobody recorded: they are unknown of all sites of the network alike, for as
long as their systems do not say. A group that never records how forms are filled in would have no
comparison at all, and would learn to read past the reason; named, it tells what to put into the
contract."""


def reasons_of_cells(
    cells: pd.DataFrame, network: "pd.Series[int]", thresholds: Thresholds
) -> dict[str, np.ndarray]:
    """Reasons that follow from a published cell's counts and rates, one boolean array each.

    `cells` has language, collection_mode, n_clients, is_data_complete, is_dated_by_year,
    judged_rate (shown_rates), n_therapists_due and n_therapists_taking_part; `network` numbers the
    network of each cell. A response rate differs
    when it lies more than the gap from the median of its network's published sites: a median,
    because the sites that differ must not move what they are held against.
    """
    rate = cells["judged_rate"].astype("float64")
    middle = rate.groupby(network).transform("median")
    due = cells["n_therapists_due"].astype("float64")
    taking_part = cells["n_therapists_taking_part"].astype("float64") / due.where(due > 0)
    # A rate of exactly the floor passes; the tolerance is for what binary fractions leave over.
    tolerance = 1e-9
    found = {
        "too_few_clients": cells["n_clients"] < thresholds.flag_minimum_clients,
        "data_incomplete": ~cells["is_data_complete"].fillna(False).astype(bool),
        "response_rate_low": rate < thresholds.response_rate_floor - tolerance,
        "response_rates_differ": (rate - middle).abs() > thresholds.response_rate_gap + tolerance,
        "response_rate_unknown": rate.isna(),
        "dates_by_year": cells["is_dated_by_year"].fillna(False).astype(bool),
        "language_unknown": _is_unknown(cells["language"]),
        "collection_mode_unknown": _is_unknown(cells["collection_mode"]),
        "therapists_taking_part_low": taking_part < THERAPISTS_TAKING_PART_FLOOR - tolerance,
    }
    return {name: mask.to_numpy(dtype=bool) for name, mask in found.items()}


def _is_unknown(names: "pd.Series[str]") -> "pd.Series[bool]":
    return names.isna() | names.isin(["", NOT_RECORDED])


def joined(reasons: Mapping[str, np.ndarray], n_cells: int) -> np.ndarray:
    """Comma-separated reasons of each cell in the order of REASONS; None where there is none."""
    text = np.full(n_cells, "", dtype=object)
    for name in REASONS:
        if name in reasons:
            separator = np.where(text == "", "", ",").astype(object)
            text = np.where(reasons[name], text + separator + name, text)
    text[text == ""] = None
    return text
