"""Scripted demonstrators of Lift, Can and Square.

Each episode draws a style: path, grasp, speed, steadiness of the hand, and whether there is a pause or a disturbance.
The scripts are in demonstrator_scripts.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.rotations import matrix_from_quat, matrix_from_rotvec, rotvec_from_matrix, sixd_from_matrix
from dpbench.spec import Horizon, TaskSpec

from .demonstrator_scripts import SCRIPTS, Command, Script, Style, Vector, View
from .env_args import scene_name
from .task import MAX_DELTA_M

HAND_TO_SITE = matrix_from_rotvec(np.array([0.0, 0.0, -math.pi / 2]))
"""Rotation from the observed frame of the hand to the controlled frame between the fingers."""
GAIN, TURN_GAIN = 2.0, 1.5
"""In a control step the arm covers about a third of a commanded displacement; the gain makes up for it."""
MAX_TURN_RAD = 0.25
BUMP_M, BUMP_STEPS = 0.035, 5


def draw_style(rng: np.random.Generator) -> Style:
    """Draw path and grasp uniformly, and the rest with the variation of human demonstrations."""
    direction = rng.standard_normal(3)
    return Style(
        way=int(rng.integers(3)),
        turn=int(rng.integers(2)),
        speed=float(rng.uniform(0.8, 1.3)),
        noise_m=float(rng.uniform(0.001, 0.004)),
        pause_steps=int(rng.integers(4, 9)) if rng.random() < 0.2 else 0,
        slip_m=np.append(rng.uniform(-0.02, 0.02, 2), 0.0) * float(rng.random() < 0.3),
        bump_step=int(rng.integers(5, 60)) if rng.random() < 0.3 else -1,
        bump_m=BUMP_M * direction / np.linalg.norm(direction),
        spread=rng.uniform(-1.0, 1.0, 2),
    )


@dataclass
class _Episode:
    style: Style
    script: Script
    step: int = 0


class RobosuiteDemonstrator:
    """One action per step; each episode draws its style at its first step."""

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, scene: str, absolute: bool) -> None:
        self._scene, self._absolute = scene, absolute
        self._episodes: dict[int, _Episode] = {}

    def reset(self) -> None:
        """Forget all episodes."""
        self._episodes.clear()

    def style(self, episode: int) -> Style:
        """The style of an episode."""
        return self._episodes[episode].style

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:
        """`(B, 1, ...)` -> `(B, 1, 7)` or `(B, 1, 10)`."""
        rows = []
        for row, (rng, number) in enumerate(zip(noise.generators, noise.episodes, strict=True)):
            view = self._view(observations["environment_state"][row, -1], observations["agent_pos"][row, -1])
            episode = self._episodes.get(number)
            if episode is None:
                style = draw_style(rng)
                episode = self._episodes[number] = _Episode(style, SCRIPTS[self._scene](view, style))
                command = next(episode.script)
            else:
                command = episode.script.send(view)
            rows.append(self._action(view, command, episode, rng))
            episode.step += 1
        return np.stack(rows)[:, None].astype(np.float32)

    def _view(self, objects: NDArray[np.floating[Any]], agent: NDArray[np.floating[Any]]) -> View:
        values, hand = objects.astype(np.float64), agent.astype(np.float64)
        pose = values[:7] if self._scene == "Lift" else values[7:14]
        return View(hand[:3], matrix_from_quat(hand[3:7]), pose[:3], matrix_from_quat(pose[3:]))

    def _action(self, view: View, command: Command, episode: _Episode, rng: np.random.Generator) -> Vector:
        style = episode.style
        # An AR(1) process, so that the hand drifts instead of trembling.
        style.wander = 0.8 * style.wander + rng.normal(0.0, 0.6 * style.noise_m, 3)
        step = _capped(GAIN * (command.place - view.hand), style.speed * MAX_DELTA_M) + style.wander
        if 0 <= episode.step - style.bump_step < BUMP_STEPS and style.bump_step >= 0:
            step = step + style.bump_m
        step = np.clip(step, -MAX_DELTA_M, MAX_DELTA_M)
        turn = _capped(TURN_GAIN * rotvec_from_matrix(_down(command.yaw) @ view.turn.T), MAX_TURN_RAD)
        if not self._absolute:
            return np.concatenate([step, turn, [command.gripper]])
        goal = matrix_from_rotvec(turn) @ view.turn @ HAND_TO_SITE
        return np.concatenate([view.hand + step, sixd_from_matrix(goal), [command.gripper]])


def scripted(task: TaskSpec) -> ScriptedDemonstrator:
    """For the tasks with a script; with images it acts on the poses of the same episode."""
    return ScriptedDemonstrator(
        demonstrator, None if "environment_state" in task.observations else task.id.replace("Image", "")
    )


def demonstrator(task: TaskSpec) -> RobosuiteDemonstrator:
    """The policy for a task of this folder.

    Raises:
        ConfigError: for a task without a script, or one that observes images only.
    """
    scene = scene_name(task)
    if scene not in SCRIPTS or "environment_state" not in task.observations:
        raise ConfigError(f"{task.id}: scripts exist for {', '.join(SCRIPTS)}, and need the objects' poses.")
    return RobosuiteDemonstrator(scene, absolute=task.action.kind == "position")


def _down(yaw: float) -> Vector:
    """Rotation of a hand that points down, with its fingers' axis at this angle."""
    return np.array([[-math.sin(yaw), math.cos(yaw), 0.0], [math.cos(yaw), math.sin(yaw), 0.0], [0.0, 0.0, -1.0]])


def _capped(vector: Vector, longest: float) -> Vector:
    capped: Vector = vector * min(1.0, longest / max(float(np.linalg.norm(vector)), 1e-9))
    return capped
