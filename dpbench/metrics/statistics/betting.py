"""A test that may be looked at after every pair, and stopped at any time: a bet against a fair coin.

Both policies run the same start. Where exactly one of them succeeds, the start is discordant; when both succeed equally
often, either is the one with probability 1/2, whatever the start's difficulty. A gambler who begins with 1 and bets on
that coin at even odds has no chance above 1/c of ever holding c (Ville 1939). So "better" is said when the gambler
holds 1/alpha, and false alarms stay below alpha under every rule of stopping, also a peek after each batch.

The bet is the mixture of all constant ones under a Beta distribution: (Robbins 1970; Ramdas et al. 2023, arXiv
2210.01948, Sec. 3.2, "method of mixtures"). What it costs: where a fixed number of starts is planned, and run, the
exact test finds a little more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import betaln

PRIOR = 1.0
"""Both parameters of the Beta distribution over the share of discordant starts that the better policy wins: uniform."""


@dataclass(frozen=True)
class Bet:
    """What two policies have shown so far.

    Attributes:
        first: discordant starts at which only the first policy succeeded.
        second: those at which only the second one did.
        highest: logarithm of the most that the gambler has ever held.
    """

    first: int = 0
    second: int = 0
    highest: float = 0.0

    def after(self, pairs: Iterable[tuple[bool, bool]]) -> Bet:
        """With the outcomes of further starts, first and second policy each."""
        first, second, highest = self.first, self.second, self.highest
        for one, other in pairs:
            first, second = first + (one and not other), second + (other and not one)
            highest = max(highest, log_e_value(first, second))
        return Bet(first, second, highest)

    @property
    def e_value(self) -> float:
        """What the gambler holds: evidence against "equally good"; 1 is none."""
        return math.exp(min(700.0, log_e_value(self.first, self.second)))

    @property
    def p_value(self) -> float:
        """Valid at any time: the inverse of the most that the gambler ever held (Ville 1939)."""
        return math.exp(-self.highest)


def log_e_value(first: int, second: int) -> float:
    """Logarithm of the gambler's money after so many wins of either policy."""
    mixture = float(betaln(PRIOR + first, PRIOR + second) - betaln(PRIOR, PRIOR))
    return (first + second) * math.log(2) + mixture
