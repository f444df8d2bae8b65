"""How often intervals held the truth, and how often they may fail to by chance alone."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binom

NOMINAL = 0.95


@dataclass(frozen=True)
class Coverage:
    """One figure over all sites and seeds. `bias` is the mean of estimate - truth, in its unit.

    `width` is the mean of the intervals' widths, `bounds` what 99.9 % of such studies would find
    of intervals that cover 95 % and are independent.
    """

    figure: str
    n: int
    covered: float
    bias: float
    width: float

    @property
    def bounds(self) -> tuple[float, float]:
        """Shares covered that chance alone allows, lower and upper."""
        low, high = binom(self.n, NOMINAL).ppf([0.0005, 0.9995])
        return float(low) / self.n, float(high) / self.n

    @property
    def is_nominal(self) -> bool:
        """Whether the share covered is one that chance allows."""
        low, high = self.bounds
        return low <= self.covered <= high

    def __str__(self) -> str:
        low, high = self.bounds
        return (
            f"{self.figure:34} {self.n:5} intervals, covered {self.covered:6.1%} "
            f"(chance: {low:.1%} to {high:.1%}), bias {self.bias:+.3f}, width {self.width:.3f}"
        )


def coverages(rows: Iterable[pd.DataFrame]) -> tuple[Coverage, ...]:
    """By figure; the frames have the columns figure, value, lower95, upper95 and truth.

    Rows without an interval are left out.
    """
    every = pd.concat(rows, ignore_index=True).dropna(subset=["lower95", "upper95", "truth"])
    holds = (every["lower95"] <= every["truth"]) & (every["truth"] <= every["upper95"])
    found = []
    for figure, part in every.groupby("figure", sort=False):
        found.append(
            Coverage(
                str(figure),
                len(part),
                float(np.mean(holds[part.index])),
                float((part["value"] - part["truth"]).mean()),
                float((part["upper95"] - part["lower95"]).mean()),
            )
        )
    return tuple(found)
