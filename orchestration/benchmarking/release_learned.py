"""What a release's own file tells of it, where the ledger that knew more is lost.

The file says what was shown. The true numbers behind it are taken from tonight's cells where they
agree with it, and from as near as it allows where they do not: the cell changed since.
"""

import numpy as np
import pandas as pd

from orchestration.benchmarking.cells import DOMINANT_THERAPIST_SHARE
from orchestration.benchmarking.disclosure import STATE
from orchestration.benchmarking.disclosure_cells import EXACT, Rules, is_primary, ranges
from orchestration.benchmarking.protected_sites import CELL
from orchestration.measures.arrays import Floats

AS_RELEASED = "as released"
"""The content of a cell whose clients of then are not known any more."""
_HIDDEN = {"n_clients": 1.0, "n_forms": 1.0, "n_therapists": 1.0, "mean": 0.0, "share": 0.0}
"""Of a hidden cell that no one is in any more."""


def learned(
    published: pd.DataFrame, candidates: pd.DataFrame, rules: Rules, release_no: int
) -> pd.DataFrame:
    """Rows of the ledger, CELL and STATE, for a release whose site_benchmarks are `published`.

    `published` as release_attacked.leaks takes it, with `width`; `candidates` are tonight's, as
    disclosure.protect takes them. `rules` are those the release was written under.
    """
    both = published.merge(
        candidates.drop(columns="width"), how="left", on=list(CELL), validate="one_to_one"
    )
    shown = ~both["is_suppressed"].to_numpy(dtype=np.bool_)
    is_same = both["content"].notna().to_numpy()
    numbers: dict[str, Floats] = {}
    for name, said in zip(EXACT, ranges(both, rules), strict=True):
        now = both[name].to_numpy(dtype=np.float64, na_value=np.nan)
        is_known = shown & ~np.isnan(said.least)
        fallback = np.where(shown, said.least, _HIDDEN[name])
        value = np.where(np.isnan(now) & is_known | both["content"].isna(), fallback, now)
        clipped = np.where(is_known, np.clip(value, said.least, said.most), value)
        is_same = is_same & np.isclose(clipped, now, equal_nan=True)
        numbers[name] = np.asarray(clipped, dtype=np.float64)
    top = both["top_therapist_form_share"].to_numpy(dtype=np.float64, na_value=np.nan)
    content = np.where(is_same, both["content"].fillna(""), AS_RELEASED)
    found = both.assign(
        **numbers,
        top_therapist_form_share=np.where(shown, np.fmin(top, DOMINANT_THERAPIST_SHARE), top),
        content=content,
        written_content=content,
        release_no=release_no,
        written_release=release_no,
        is_offered=True,
    )
    return found.assign(is_primary=is_primary(found, rules) & ~shown)[[*CELL, *STATE]]
