"""The shared vocabulary of tasks, data and policies: numpy only, and no task is named here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ActionError, ConfigError, UnknownNameError


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
            ActionError: for another shape, or NaN or infinite values.
        """
        try:
            array = np.asarray(action, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ActionError(f"action {action!r} is not an array of numbers; {self._expected(lead)}.") from error
        if array.shape != (*lead, self.dim):
            raise ActionError(f"action has shape {array.shape}; {self._expected(lead)}.")
        # A sum is finite only when every term is: one pass without a temporary mask on the hot path.
        if not math.isfinite(array.sum()):
            raise ActionError(f"action holds NaN or infinite values: {action!r}; {self._expected(lead)}.")
        return array

    def _expected(self, lead: tuple[int, ...]) -> str:
        return f"expected finite numbers of shape {(*lead, self.dim)}, {', '.join(self.names)} in {self.unit}"


@dataclass(frozen=True)
class EvaluationStarts:
    """A fixed list of start states: seeds `first_seed, first_seed + 1, ...` with the options of `reset`."""

    name: str
    first_seed: int
    count: int
    reset_options: Mapping[str, object] = field(default_factory=dict)
    source: str = ""

    def seeds(self, count: int | None = None) -> tuple[int, ...]:
        """The first `count` reset seeds, by default all of the published list."""
        return tuple(range(self.first_seed, self.first_seed + (self.count if count is None else count)))


@dataclass(frozen=True)
class DatasetSpec:
    """Published demonstrations: a task's own (`TaskSpec.dataset`), or an archive that it can read (`archives`).

    Attributes:
        name: name of the store and of `dpbench data fetch NAME`.
        format: name in the registry of formats.
        url: where the archive is published.
        size_bytes: of the published archive, for the progress bar; 0 when unknown.
        n_episodes: number of episodes in the archive.
        source: who recorded it, where it is described.
        n_steps: total number of steps in the archive, None when unknown.
        sha256: of the published archive, None when unknown. Where `array_sha256` is given, that decides, since the
            bytes of an archive may differ.
        array_sha256: archive array -> SHA-256 of its values in C order, little endian.
        arrays: function that turns the arrays named in `array_sha256` into store arrays, `"module:function"`; an
            archive is turned by the task's `archive_arrays`.
    """

    name: str
    format: str
    url: str
    size_bytes: int
    n_episodes: int
    source: str
    n_steps: int | None = None
    sha256: str | None = None
    array_sha256: Mapping[str, str] = field(default_factory=dict)
    arrays: str | None = None


@dataclass(frozen=True)
class PublishedResult:
    """One figure from the literature, with which number it is (`max`, `avg`, ...) and where it stands."""

    method: str
    metric: str
    value: float
    source: str


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
        packages: distributions whose versions decide the task's figures beside those of dpbench, numpy, gymnasium and
            torch, e.g. `("mujoco",)`; a record holds the version of each.
        evaluation: start-state protocols; the first is the default.
        dataset: published demonstrations, or None.
        store_arrays: observation key (and `"action"`) -> array of the episode store that feeds it.
        published: results of the literature on this task.
        modes: names of the behaviour modes, where the task names them; the environment then gives `info["mode"]`
            at every step, the number of the mode that the episode has shown so far, -1 while it has shown none.
        plan_of: what a chunk of actions heads for, `"module:function"` of `agent_pos` (Na,), `environment_state` (Ne,)
            and the chunk (n, Da); returns (question, answer), such as `("row 2", "gap 1")`, or None where the chunk
            tells nothing. Answers to the same question by one plan after the other show whether a policy commits.
        conditional: the demonstrator's distribution of action chunks given a state, `"module:object"` of a
            `dpbench.evaluation.action_distribution.ConditionalDemonstrator`, where it is known.
        chunk_pixels: where a chunk leads in a picture, `"module:function"` of `agent_pos`, `environment_state`, chunks
            (N, n, Da) and the picture's side in px; returns columns and rows (N, n, 2).
        stages: name -> what the episode's largest score must be above for the stage to be passed, e.g. `{"p1": 0.4}`.
        demonstrator: scripted demonstrator, `"module:function"` of `task -> Policy`, or None.
        demonstrator_sees: id of the task on whose observations the demonstrator acts, where this one shows too little
            (pictures only); same seed and same actions give the same episode in both.
        archives: public archives that this task can read; the data root holds a store of each.
        archive_arrays: turns one episode of a public archive into store arrays for `dpbench data import`,
            `"module:function"` of its arrays, the attributes of archive and episode, and the task, or None.
        archive_check: says how an archive's environment differs from this one, `"module:function"` of its attributes
            and the task; returns sentences.
        archive_export: writes episodes played again as a public archive for `dpbench data export`,
            `"module:function"` of a path, the task and `dpbench.demonstrations.exporting.Replay`s.
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
    dataset: DatasetSpec | None = None
    store_arrays: Mapping[str, str] = field(default_factory=dict)
    published: tuple[PublishedResult, ...] = ()
    modes: tuple[str, ...] = ()
    plan_of: str | None = None
    conditional: str | None = None
    chunk_pixels: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    demonstrator: str | None = None
    demonstrator_sees: str | None = None
    archives: tuple[DatasetSpec, ...] = ()
    archive_arrays: str | None = None
    archive_check: str | None = None
    archive_export: str | None = None

    def starts(self, name: str | None = None) -> EvaluationStarts:
        """The protocol of that name, by default the first.

        Raises:
            UnknownNameError: when the task has no protocol of that name.
        """
        if name is None:
            return self.evaluation[0]
        for starts in self.evaluation:
            if starts.name == name:
                return starts
        known = ", ".join(starts.name for starts in self.evaluation)
        raise UnknownNameError(f"{self.id} has no start states named {name!r}; it has {known}.")


@dataclass(frozen=True)
class Horizon:
    """Owner of all index arithmetic between observed, predicted and executed steps.

        step      t-To+1 ... t | t+1 ... t+Ta-1 | ... t-To+Tp
        observed  x      x   x |                |
        predicted x      x   x | x     x    x   | x   x    x
        executed             x | x     x    x   |

    Prediction starts at the first observed step, so the executed slice of a prediction of length Tp
    is `[To-1 : To-1+Ta]` (Diffusion Policy, Chi et al. 2023, Fig. 3; FACTS of the original code: pad
    To-1 before and Ta-1 after an episode).

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
