"""The shared vocabulary of tasks, data and policies: numpy only, and no task is named here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ActionError, ConfigError, MissingExtraError, PluginError, TaskError, UnknownNameError, shown
from dpbench.numbers import real_numbers
from dpbench.plugins.importing import OWN, guarded
from dpbench.registry import note, resolve
from dpbench.starts import SELECTION, for_choosing
from dpbench.starts import EvaluationStarts as EvaluationStarts  # part of the vocabulary
from dpbench.yardsticks import Ceiling, Floor

Part = TypeVar("Part")
LARGEST = 1e30
"""Largest size of a number in an action: far beyond every bound, but what follows from it fits float32 (3.4e38)."""


@dataclass(frozen=True)
class ArraySpec:
    """One observation array of a task.

    Attributes:
        shape: without batch or time, e.g. `(18,)` or `(96, 96, 3)`.
        dtype: numpy name, `"float32"` or `"uint8"`.
        low: lower bound of every value, in `unit`.
        high: upper bound of every value, in `unit`; one number, or one a value.
        unit: `"px"`, `"m"`, `"rad"`, ... ; several are joined in the order of the values.
        names: one name a value, for vectors; empty for pixels.
        unscaled: numbers of the values that are not normalised by their range in the data, such as the entries of a
            rotation matrix: where the data hardly turn, a range would blow the smallest turn up (robomimic's data in
            Diffusion Policy keep rotations alike, `normalize_util.py`).
    """

    shape: tuple[int, ...]
    dtype: str
    low: float | tuple[float, ...]
    high: float | tuple[float, ...]
    unit: str
    names: tuple[str, ...] = ()
    unscaled: tuple[int, ...] = ()


@dataclass(frozen=True)
class ActionSpec:
    """What each dimension of an action means: `(Da,)` float32 in physical units with true bounds.

    `unscaled` is that of `ArraySpec`.
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: str
    kind: Literal["position", "velocity", "delta"]
    frame: str
    rotation: str | None = None
    gripper: int | None = None
    unscaled: tuple[int, ...] = ()

    @property
    def dim(self) -> int:
        """Number of action dimensions (Da)."""
        return len(self.names)

    def check(self, action: object, lead: tuple[int, ...] = ()) -> NDArray[np.float64]:
        """Return `action` as a float64 array of shape `(*lead, Da)`.

        Raises:
            ActionError: for another shape; for anything but real numbers (`real_numbers`); for NaN, infinite values and
                those beyond 1e30.
        """
        try:
            array = real_numbers(action)
        except ValueError as error:
            raise ActionError(f"action {shown(action)} {error}; {self._expected(lead)}.") from error
        if array.shape != (*lead, self.dim):
            raise ActionError(f"action has shape {array.shape}; {self._expected(lead)}.")
        # The sum of squares is within the bound only when every number is: one pass without a mask on the hot path.
        flat = array.ravel()
        if not flat.dot(flat) <= LARGEST**2:
            raise ActionError(
                f"action {shown(action)} holds NaN or infinite values, or some beyond {LARGEST:g}; "
                f"{self._expected(lead)}."
            )
        return array

    def _expected(self, lead: tuple[int, ...]) -> str:
        return f"expected finite numbers of shape {(*lead, self.dim)}, {', '.join(self.names)} in {self.unit}"


@dataclass(frozen=True)
class Stage:
    """A stage of a task that is solved step by step.

    Attributes:
        name: heading of its column, e.g. `"p1"`.
        above: an episode has passed the stage when its largest score is above this.
        meaning: what has happened by then, in one sentence.
    """

    name: str
    above: float
    meaning: str


@dataclass(frozen=True)
class PublishedResult:
    """One number from the literature: what it measures (`"p1"`, `"success, max"`, ...) and where it stands."""

    method: str
    metric: str
    value: float
    source: str


@dataclass(frozen=True)
class PublishedResults:
    """A part of a task: what the literature reports on it.

    Attributes:
        results: one a method and metric.
        note: how they were measured and what differs here; Markdown, shown beside the results.
    """

    results: tuple[PublishedResult, ...]
    note: str = ""

    def average(self, method: str) -> float | None:
        """The average that is published for a method (over its last checkpoints and its training seeds), or None."""
        return self._value(method, "avg")

    def largest(self, method: str) -> float | None:
        """The largest that is published for a method (of its checkpoints), or None."""
        return self._value(method, "max")

    def _value(self, method: str, kind: str) -> float | None:
        values = (result.value for result in self.results if result.method == method and result.metric.endswith(kind))
        return next(values, None)


@dataclass(frozen=True)
class TaskSpec:
    """All that the harness, the data and the policies know of a task.

    Attributes:
        id: Gymnasium id, `"dpbench/Name-vN"`.
        observations: flat key -> spec; the nested camera `pixels -> top` has the key `"pixels.top"`.
        action: the action's dimensions.
        rate_hz: control rate.
        max_episode_steps: control steps after which an episode is truncated.
        success: the success rule in one sentence.
        score: key in `info` of the task's own measure of progress (e.g. `"coverage"`), in [0, 1].
        reward_range: lowest and highest reward of a step.
        packages: distributions whose versions decide the task's results beside those of dpbench, numpy, gymnasium and
            torch, e.g. `("mujoco",)`; a record holds the version of each.
        evaluation: start-state protocols; the first is the default.
        selection: the start states that a checkpoint is chosen on, under that name; None for those of
            `dpbench.starts.for_choosing`.
        store_arrays: observation key (and `"action"`) -> array of the episode store that feeds it.
        modes: names of the behaviour modes, where the task names them; the environment then gives `info["mode"]`
            at every step, the number of the mode that the episode has shown so far, -1 while it has shown none.
        stages: in the order in which they are passed; empty for a task that has none.
        family: name of the tasks that share a page of the leaderboard, such as variants of one scene; empty for a task
            with a page of its own.
        floor: what the cheapest policies reach from the starts of the first protocol; None where it is not measured.
        ceiling: what the task's script reaches from them; None for a task without one.
        superseded_by: id of the version that takes its place, for a task that is kept only for its records; empty
            otherwise.
        parts: what else is known of the task: kind of the part -> `"module:function"` of `TaskSpec -> part`, imported
            when `part` asks for it. Kinds are `PublishedResults` here,
            `dpbench.data.public.PublicDemonstrations`, `dpbench.policies.demonstrator.ScriptedDemonstrator`,
            `dpbench.metrics.behaviour.Behaviour`, `dpbench.demonstrations.replay.ArchiveWriter` and
            `dpbench.policies.real_time.Standing`.
    """

    id: str
    observations: Mapping[str, ArraySpec]
    action: ActionSpec
    rate_hz: float
    max_episode_steps: int
    success: str
    score: str
    reward_range: tuple[float, float]
    packages: tuple[str, ...]
    evaluation: tuple[EvaluationStarts, ...]
    selection: EvaluationStarts | None = None
    store_arrays: Mapping[str, str] = field(default_factory=dict)
    modes: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    family: str = ""
    floor: Floor | None = None
    ceiling: Ceiling | None = None
    superseded_by: str = ""
    parts: Mapping[type[object], str] = field(default_factory=dict)

    def part(self, kind: type[Part]) -> Part | None:
        """The part of that kind, None for a task without it.

        Raises:
            TaskError: when `parts` names a function that does not exist, or that returns something else.
        """
        target = self.parts.get(kind)
        if target is None:
            return None
        part: object = _import(self.id, kind.__name__, target)(self)
        if not isinstance(part, kind):
            raise TaskError(f"{self.id}: {target} returns {type(part).__name__}, expected {kind.__name__}.")
        return part

    def starts(self, name: str | None = None) -> EvaluationStarts:
        """The protocol of that name, by default the first; `"selection"` is that for choosing checkpoints.

        Raises:
            UnknownNameError: when the task has no protocol of that name.
            TaskError: when checkpoints would be chosen on start states that results are reported from.
        """
        if name is None:
            return self.evaluation[0]
        if name == SELECTION:
            return for_choosing(self.id, self.selection, self.evaluation)
        for starts in self.evaluation:
            if starts.name == name:
                return starts
        known = ", ".join((*(starts.name for starts in self.evaluation), SELECTION))
        raise UnknownNameError(f"{self.id} has no start states named {shown(name)}; it has {known}.")


def _import(task_id: str, kind: str, target: str) -> Callable[[TaskSpec], object]:
    theirs = f"the {kind} of {task_id}"  # of a plug-in, whose modules may do anything when they are imported
    try:
        with nullcontext() if task_id.startswith(f"{OWN}/") else guarded(theirs, note):
            function = resolve(target)
    except (MissingExtraError, PluginError):
        raise
    except (ImportError, AttributeError, ValueError) as error:
        raise TaskError(f"{task_id} names {target!r} as its {kind}, which cannot be imported: {error}.") from error
    if not callable(function):
        raise TaskError(f"{task_id} names {target!r} as its {kind}: expected a function of the task.")
    return function


@dataclass(frozen=True)
class Horizon:
    """Owner of all index arithmetic between observed, predicted and executed steps.

        step      t-To+1 ... t | t+1 ... t+Ta-1 | ... t-To+Tp
        observed  x      x   x |                |
        predicted x      x   x | x     x    x   | x   x    x
        executed             x | x     x    x   |

    Prediction starts at the first observed step, so the executed slice of a prediction of length Tp
    is `[To-1 : To-1+Ta]` (Chi et al. 2023, arXiv 2303.04137v5, Fig. 3). Windows reach To-1 steps before an episode and
    Ta-1 steps after it (`pad_before` and `pad_after` of real-stanford/diffusion_policy, 5ba07ac,
    `diffusion_policy/config/task`).

    Attributes:
        n_obs_steps: observed steps (To).
        horizon: predicted steps (Tp).
        n_action_steps: executed steps (Ta).
    """

    n_obs_steps: int
    horizon: int
    n_action_steps: int

    def __post_init__(self) -> None:
        if min(self.n_obs_steps, self.horizon, self.n_action_steps) < 1:
            raise ConfigError(f"{self}: every count must be at least 1.")
        if self.n_obs_steps - 1 + self.n_action_steps > self.horizon:
            raise ConfigError(
                f"n_obs_steps - 1 + n_action_steps = {self.n_obs_steps - 1 + self.n_action_steps} reaches beyond "
                f"horizon = {self.horizon}: predict more steps or execute fewer."
            )

    @property
    def executed(self) -> slice:
        """The executed slice of a prediction: `[To-1 : To-1+Ta]`."""
        return slice(self.n_obs_steps - 1, self.n_obs_steps - 1 + self.n_action_steps)

    @property
    def pad_before(self) -> int:
        """Steps by which a window may begin before its episode (the first step is repeated)."""
        return self.n_obs_steps - 1

    @property
    def pad_after(self) -> int:
        """Steps by which a window may end after its episode (the last step is repeated)."""
        return self.n_action_steps - 1
