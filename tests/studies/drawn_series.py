"""Series of totals with drops planted in them: what the studies of marked drops are about.

SRS totals, 0 to 40 in steps of .1. A client's forms scatter around a level of their own; a drop
takes the level down by so much, for 1 to 5 forms in 60 % of the clients and for good in the others,
as in the simulation.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAXIMUM = 40.0
STEP = 0.1
LENGTHS = (4, 6, 8, 12, 20)
SIZES = ("none", "1 SD", "1.5 SD", "2 SD", "2.5 SD", "1 point")
FOR_GOOD = max(LENGTHS)
COURSES = (*((lasts, 0.12) for lasts in range(1, 6)), (FOR_GOOD, 0.4))
"""How many forms a drop lasts, and how often it does."""


@dataclass(frozen=True)
class World:
    """Latent mean and SDs of the totals, scale points: what is cut off at 0 and 40 comes on top."""

    name: str
    language: str
    mean: float
    between_sd: float
    within_sd: float

    def points(self, size: str) -> float:
        """A size in scale points: SDs are within-person, a point is one of an item mean of 1-7."""
        if size == "none":
            return 0.0
        number, unit = size.split()
        return float(number) * (self.within_sd if unit == "SD" else MAXIMUM / 6)


def _srs(name: str, language: str, mean: float, sd: float, within_share: float) -> World:
    return World(
        name, language, mean, sd * float(np.sqrt(1 - within_share)), sd * float(within_share**0.5)
    )


INTERIOR = _srs("interior", "en", 22.0, 4.0, 0.19)
CEILING = _srs("ceiling", "fr", 36.524, 5.028, 0.19)
"""Cut off at 40: mean 35.8, SD 4.0, 24 % at 40, observed SD within clients 1.8."""
RESTLESS = _srs("ceiling, restless", "de", 36.524, 5.028, 0.42)
"""The same with the simulation's own share of variance within clients."""


@dataclass(frozen=True)
class Cell:
    """Series of one length in which drops of one size begin at `place` (from 0; 0 is nowhere)."""

    world: World
    size: str
    forms: Floats
    place: Ints

    @property
    def n_forms(self) -> int:
        """Forms of each series."""
        return int(self.forms.shape[1])

    @property
    def site_id(self) -> str:
        """The cell as a site."""
        return site_of(self.size, self.n_forms)


def site_of(size: str, n_forms: int) -> str:
    """A size and a length as a site's id."""
    return f"drop_{size.replace(' ', '_').replace('.', '_').lower()}_{n_forms}"


def draw_cell(
    rng: np.random.Generator, world: World, size: str, n_forms: int, n_series: int
) -> Cell:
    """Series of one size and length."""
    place = rng.integers(1, n_forms, n_series)
    lasts, shares = zip(*COURSES, strict=True)
    length = rng.choice(np.array(lasts), n_series, p=shares)
    at = np.arange(n_forms)
    is_down = (at >= place[:, np.newaxis]) & (at < (place + length)[:, np.newaxis])
    level = world.mean + world.between_sd * rng.standard_normal((n_series, 1))
    latent = level - world.points(size) * is_down
    latent = latent + world.within_sd * rng.standard_normal(latent.shape)
    forms = np.clip(np.round(np.round(latent / STEP) * STEP, 1), 0, MAXIMUM)
    return Cell(world, size, forms, place if size != "none" else np.zeros_like(place))


def rows_of(cells: list[Cell], first_client: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(episodes, administrations) of the cells as raw feeds, clients numbered from `first_client`.

    A form a week; the forms of a series stand together in their order, series as in the cells.
    """
    # The longest series end with a month, so that the month is closed.
    first = np.datetime64("2026-05-31") - 7 * (max(LENGTHS) - 1)
    episodes, forms = [], []
    for cell in cells:
        n_series, n_forms = cell.forms.shape
        client = first_client + np.arange(n_series)
        first_client += n_series
        episode = {"client_key": client, "episode_key": client, "site_id": cell.site_id}
        episodes.append(pd.DataFrame(episode | {"therapist_key": "t", "opened_on": first}))
        week = np.tile(np.arange(n_forms), n_series)
        owner = np.repeat(client, n_forms)
        forms.append(
            pd.DataFrame(
                {
                    "form_key": owner * 100 + week,
                    "client_key": owner,
                    "episode_key": owner,
                    "completed_on": first + 7 * week,
                    "language": cell.world.language,
                    "stated_total": cell.forms.ravel(),
                }
            )
        )
    return pd.concat(episodes, ignore_index=True), pd.concat(forms, ignore_index=True)
