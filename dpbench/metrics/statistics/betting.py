"""A test that may be looked at after every pair, and stopped at any time: a bet against a fair coin.

Both policies run the same start. Where exactly one of them succeeds, the start is discordant; when both succeed equally
often, either is that one with probability 1/2. A gambler who begins with 1 and bets on this coin at even odds has a
chance of at most 1/c of ever holding c (Ville 1939). So "better" is said when the gambler holds 1/alpha, and the chance
of a false alarm is at most alpha under every rule of stopping, such as a look after each batch.

The gambler mixes all constant bets evenly: the money is the integral over s in [0, 1] of (2 s)^wins (2 - 2 s)^losses
(Robbins 1970; Ramdas et al. 2023, arXiv 2210.01948, method of mixtures). STEP (arXiv 2503.10966) has the same aim; it
needs the largest number of starts beforehand, this test does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from scipy.special import betaln


@dataclass(frozen=True)
class Bet:
    """What two policies have shown up to the decision, or so far.

    Attributes:
        n_starts: that were looked at.
        first: discordant starts at which only the first policy succeeded.
        second: those at which only the second one did.
        decided: which of them is better; None while that is open.
    """

    n_starts: int = 0
    first: int = 0
    second: int = 0
    decided: Literal["first", "second"] | None = None

    @property
    def e_value(self) -> float:
        """What the gambler holds, at most 1e300: evidence against "equally good". 1 is none."""
        return math.exp(min(690.0, log_e_value(self.first, self.second)))


def bet_on(pairs: Iterable[tuple[bool, bool]], alpha: float) -> Bet:
    """Bet start by start until the gambler holds 1/alpha; what comes later is not looked at.

    Args:
        pairs: success of the first and of the second policy at each start, in the order in which they were run.
        alpha: chance of a false alarm.
    """
    bet = Bet()
    for first, second in pairs:
        won, lost = bet.first + (first and not second), bet.second + (second and not first)
        decided = log_e_value(won, lost) >= -math.log(alpha)
        better: Literal["first", "second"] = "first" if won > lost else "second"
        bet = Bet(bet.n_starts + 1, won, lost, better if decided else None)
        if decided:
            break
    return bet


def log_e_value(first: int, second: int) -> float:
    """Logarithm of the gambler's money after so many discordant starts of either kind."""
    return (first + second) * math.log(2) + float(betaln(1 + first, 1 + second))
