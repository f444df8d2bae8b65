"""What a published number says of the true one: counts to a base, means to a step."""

from dataclasses import dataclass

import numpy as np

from orchestration.measures.arrays import Floats


@dataclass(frozen=True)
class CountRounding:
    """Counts to the nearest multiple of `base`, and never below what `minimum` rounds up to.

    `base` 1 publishes counts as they are.
    """

    base: int
    minimum: int

    def shown(self, counts: Floats) -> Floats:
        """The counts as published."""
        least = np.ceil(self.minimum / self.base)
        return np.asarray(self.base * np.maximum(np.floor(counts / self.base + 0.5), least))

    def least(self, shown: Floats) -> Floats:
        """Smallest true count behind a published one."""
        reach = np.ceil(shown - self.base / 2)
        return np.asarray(np.where(shown <= self._first, self.minimum, reach))

    def most(self, shown: Floats) -> Floats:
        """Largest true count behind a published one."""
        return np.asarray(np.ceil(shown + self.base / 2) - 1)

    @property
    def _first(self) -> float:
        return float(self.base * np.ceil(self.minimum / self.base))
