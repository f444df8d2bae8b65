"""What the study of the marked-drop rules reports, and how far a share may be off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import betabinom, binom

from tests.studies.drawn_series import LENGTHS, SIZES, Floats
from tests.studies.drop_rules import RULES


@dataclass(frozen=True)
class Share:
    """A share found in `n`, and the one it should be.

    The latter is exact, or was itself found in `n_drawn` that are independent of the former.
    """

    found: float
    n: int
    implied: float
    n_drawn: int | None = None

    @property
    def z(self) -> float:
        """How far off, as a normal deviate of the same (mid-)probability.

        Binomial where the implied share is exact, else beta-binomial: what such a number drawn
        leaves open about the next one (Jeffreys' prior). Normal errors would not do near 0 and 1.
        """
        n_found = round(self.found * self.n)
        law: Any = binom(self.n, self.implied)
        if self.n_drawn is not None:
            n_implied = round(self.implied * self.n_drawn)
            law = betabinom(self.n, n_implied + 0.5, self.n_drawn - n_implied + 0.5)
        below = law.cdf(n_found) - law.pmf(n_found) / 2
        return float(ndtri(np.clip(below, 1e-15, 1 - 1e-15)))


@dataclass(frozen=True)
class Line:
    """One rule in one cell. `marked` is None where nothing is planted, both below the minimum."""

    world: str
    rule: str
    size: str
    n_forms: int
    marked: Share | None
    any_drop: Share | None


@dataclass(frozen=True)
class Exact:
    """A figure drawn by the definitions against the same without drawing."""

    what: str
    share: Share


@dataclass(frozen=True)
class DropsFound:
    """What the study found. `n_unlike` counts forms on which models and definitions disagree."""

    lines: tuple[Line, ...]
    exact: tuple[Exact, ...]
    n_forms: int
    n_unlike: int

    def exact_distances(self) -> Floats:
        """z of what is implied, drawn against exact."""
        return np.array([one.share.z for one in self.exact])

    def report(self) -> list[str]:
        """Tables of sensitivity and of clients with any drop, and how far off they are."""
        return [
            *_table("planted forms marked, % (implied)", self.lines, "marked"),
            *_table("clients with any marked drop, % (implied)", self.lines, "any_drop"),
            f"{self.n_forms} forms, {self.n_unlike} judged otherwise than by the definitions",
            _spread("found against implied", self.distances()),
            _spread("implied, drawn against exact", self.exact_distances()),
        ]

    def distances(self) -> Floats:
        """z of every share of the lines."""
        shares = [s for line in self.lines for s in (line.marked, line.any_drop) if s is not None]
        return np.array([share.z for share in shares])


@dataclass(frozen=True)
class Noise:
    """One rule where nothing is planted: the mart's share beside the expected one."""

    world: str
    rule: str
    ceiling_share: float
    share: Share


@dataclass(frozen=True)
class Implied:
    """What the definitions imply of one rule in one cell, from `n` series drawn.

    `found` of the planted forms, `any_drop` of the series that can be judged.
    """

    found: float
    any_drop: float
    n: int


def noise_report(found: Sequence[Noise]) -> list[str]:
    """Where nothing is planted: a line a world and rule."""
    return [
        "nothing planted: clients with any marked drop, % (expected of noise)",
        *(
            f"  {one.world:18} {one.rule:6} {one.share.found:6.2%} ({one.share.implied:6.2%}), "
            f"z {one.share.z:+.1f}, {one.share.n} clients, {one.ceiling_share:.0%} of forms at 40"
            for one in found
        ),
    ]


def _table(title: str, lines: Sequence[Line], which: Literal["marked", "any_drop"]) -> list[str]:
    shares = {
        (line.world, line.rule, line.size, line.n_forms): getattr(line, which) for line in lines
    }
    rows = [title]
    for world in dict.fromkeys(line.world for line in lines):
        rows.append(f"  {world:12} {'forms':8}" + "".join(f"{n:>14}" for n in LENGTHS))
        for rule in RULES:
            for size in SIZES:
                of_row = [shares[world, rule, size, n] for n in LENGTHS]
                if any(share is not None for share in of_row):
                    cells = "".join(f"{_cell(share):>14}" for share in of_row)
                    rows.append(f"  {rule:12} {size:8}{cells}")
    return rows


def _cell(share: Share | None) -> str:
    if share is None:
        return "-"
    return f"{100 * share.found:.1f} ({100 * share.implied:.1f})"


def _spread(what: str, z: Floats) -> str:
    return f"{what}: {z.size} shares, mean z² {np.mean(z**2):.2f}, furthest z {np.abs(z).max():.1f}"
