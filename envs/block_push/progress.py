"""Rewards and events of an episode: which block reached which target when.

Source: real-stanford/diffusion_policy (5ba07ac), `diffusion_policy/env/block_pushing/block_pushing_multimodal.py`, edge
cases included. The reward is 0.49 when a block first enters a target. In the step in which the blocks are in different
targets it is 0.51 instead, and the episode ends. A rollout's total is the sum of its different rewards
(`diffusion_policy/env_runner/blockpush_lowdim_runner.py`): 0.49 for one block, 1.0 for both one after the other, 0.51
when both arrive in the same step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from .task import TOLERANCE_M

FIRST_REWARD, BOTH_REWARD = 0.49, 0.51
MOVED_M = 0.001
NEVER = -1

Place = tuple[float, float]


@dataclass
class Progress:
    """Bookkeeping of one episode.

    Attributes:
        distances_m: of the blocks from the world's origin, at the start.
        n_steps: control steps so far.
        entered: step in which block b was first in target t, at index `2 * b + t`; -1 for never.
        moved: step in which a block's distance from the origin had first changed by more than 1 mm.
        got_first: whether a reward of 0.49 was given, or of 0.98 when both blocks enter one target in the same step.
        got_both: whether the reward of 0.51 was given.
    """

    distances_m: Place
    n_steps: int = 0
    entered: list[int] = field(default_factory=lambda: [NEVER] * 4)
    moved: list[int] = field(default_factory=lambda: [NEVER] * 2)
    got_first: bool = False
    got_both: bool = False

    @property
    def total(self) -> float:
        """Sum of the different rewards so far: 0, 0.49, 0.51 or 1."""
        return FIRST_REWARD * self.got_first + BOTH_REWARD * self.got_both

    @property
    def mode(self) -> int:
        """Index of the mode, `2 * block + target` of the first entry; -1 before."""
        seen = [(step, place) for place, step in enumerate(self.entered) if step != NEVER]
        return min(seen)[1] if seen else NEVER

    def step(self, blocks: tuple[Place, Place], targets: tuple[Place, Place]) -> float:
        """Update the progress with the positions (m) after a step; returns the reward."""
        reward = 0.0
        inside = [math.dist(block, target) < TOLERANCE_M for block in blocks for target in targets]
        for place, is_inside in enumerate(inside):
            if is_inside and self.entered[place] == NEVER:
                self.entered[place] = self.n_steps
                reward += FIRST_REWARD
        for number, block in enumerate(blocks):
            if self.moved[number] == NEVER and abs(math.hypot(*block) - self.distances_m[number]) > MOVED_M:
                self.moved[number] = self.n_steps
        both = (inside[0] and inside[3]) or (inside[1] and inside[2])
        if both:
            reward = BOTH_REWARD
            self.got_both = True
        elif reward > 0:
            self.got_first = True
        self.n_steps += 1
        return reward

    def events(self) -> dict[str, int]:
        """Step of each event under its published name, -1 for never."""
        targets = {f"TARGET_{place // 2}_{place % 2}": step for place, step in enumerate(self.entered)}
        return {"REACH_0": self.moved[0], "REACH_1": self.moved[1], **targets}

    def contradiction(self, blocks: tuple[Place, Place], targets: tuple[Place, Place]) -> str:
        """What cannot have happened in an episode with these positions (m) now, in words; empty when all fits."""
        done = [step != NEVER for step in self.entered]
        if max(*self.entered, *self.moved) >= self.n_steps:
            return f"an event in step {max(*self.entered, *self.moved)} of {self.n_steps} steps"
        if self.got_first and not any(done):
            return "the first reward without a block that entered a target"
        inside = [math.dist(block, target) < TOLERANCE_M for block in blocks for target in targets]
        now = [entered and is_inside for entered, is_inside in zip(done, inside, strict=True)]
        if self.got_both and not (now[0] and now[3]) and not (now[1] and now[2]):
            return "the second reward without both blocks in different targets, where an episode ends"
        return ""

    def as_numbers(self) -> list[float]:
        """All fields as numbers, `(11,)`."""
        return [*self.distances_m, self.n_steps, *self.entered, *self.moved, self.got_first, self.got_both]

    @classmethod
    def from_numbers(cls, numbers: list[float]) -> Progress:
        """The inverse of `as_numbers`."""
        first, second, n_steps, *rest = numbers
        events = [int(step) for step in rest[:6]]
        return cls((first, second), int(n_steps), events[:4], events[4:], bool(rest[6]), bool(rest[7]))
