"""Sampled action chunks of policies from one state, drawn over the scene, a panel each (Chi et al. 2023, Fig. 3)."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from dpbench.errors import ConfigError
from dpbench.evaluation.action_distribution import sample_policy
from dpbench.evaluation.rollout import rollout
from dpbench.files import write_bytes
from dpbench.metrics.behaviour import Behaviour, ChunkPixels
from dpbench.metrics.episode import Trial
from dpbench.policies.observation_buffer import stack_history
from dpbench.policies.protocol import Policy
from dpbench.spaces import flatten
from dpbench.spec import EvaluationStarts, TaskSpec

CHUNK, PATH, EFFECTOR = "#D55E00", "#0072B2", "#000000"
COLUMNS = 4


@dataclass(frozen=True)
class Panel:
    """One policy from one state.

    Attributes:
        name: shown above.
        chunks: columns and rows of N sampled chunks, `(N, Ta, 2)` px.
        paths: columns and rows of the agent's way in some rollouts, `(T + 1, 2)` px each.
    """

    name: str
    chunks: NDArray[np.float64]
    paths: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class Scene:
    """The state that all policies are shown.

    Attributes:
        picture: `(H, W, 3)` RGB.
        observation: flat key -> newest observation.
        agent_px: column and row of the agent.
    """

    picture: NDArray[np.uint8]
    observation: Mapping[str, NDArray[Any]]
    agent_px: NDArray[np.float64]


def scene(task: TaskSpec, starts: EvaluationStarts) -> Scene:
    """The first start of a protocol.

    Raises:
        ConfigError: for a task that does not say where chunks lead in its pictures.
    """
    env = gym.make(task.id, render_mode="rgb_array")
    try:
        raw, _ = env.reset(seed=starts.first_seed, options=dict(starts.reset_options))
        picture: Any = env.render()
    finally:
        env.close()
    observation = {key: np.asarray(value) for key, value in flatten(raw)}
    return Scene(np.asarray(picture), observation, _places(task, observation["agent_pos"][None], len(picture)))


def panel(
    name: str, policy: Policy, task: TaskSpec, starts: EvaluationStarts, shown: Scene, n_chunks: int, n_paths: int,
    path_steps: int,
) -> Panel:  # fmt: skip
    """Sample chunks at the scene's state, and follow some rollouts from there.

    Args:
        name: of the policy.
        policy: any.
        task: of the scene.
        starts: of the scene.
        shown: the scene.
        n_chunks: sampled, each with noise of its own.
        n_paths: rollouts.
        path_steps: length of a rollout.
    """
    size_px = len(shown.picture)
    batch = {key: value[None] for key, value in shown.observation.items()}
    history = {key: value[0] for key, value in stack_history([batch], policy.horizon.n_obs_steps).items()}
    chunks = sample_policy(policy, history, n_chunks, 0)
    pixels = _chunk_pixels(task)(
        shown.observation["agent_pos"], shown.observation.get("environment_state"), chunks, size_px
    )
    paths: tuple[NDArray[np.float64], ...] = ()
    if n_paths:
        wanted = [Trial(starts.first_seed, sampler) for sampler in range(n_paths)]
        episodes = rollout(policy, task, starts, wanted, max_steps=path_steps)
        paths = tuple(_places(task, episode.agent_pos, size_px) for episode in episodes)
    return Panel(name, pixels, paths)


def draw_panels(shown: Scene, panels: Sequence[Panel], title: str, path: Path) -> None:
    """Write the PNG.

    Raises:
        OSError: when the file cannot be written.
    """
    n_columns = min(COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(3.2 * n_columns, 3.5 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis, each in zip(axes.flat, panels, strict=False):
        axis.imshow(shown.picture)
        for way in each.paths:
            axis.plot(*way.T, color=PATH, alpha=0.35, linewidth=1)
        for chunk in each.chunks:
            axis.plot(*chunk.T, "-", color=CHUNK, alpha=0.4, linewidth=1)
            axis.plot(*chunk[-1], ".", color=CHUNK, alpha=0.6, markersize=5)
        axis.plot(*shown.agent_px[0], "o", color=EFFECTOR, markersize=5)
        axis.set(title=each.name, xlim=(0, shown.picture.shape[1]), ylim=(shown.picture.shape[0], 0))
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle(title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_bytes(path, buffer.getvalue())


def _chunk_pixels(task: TaskSpec) -> ChunkPixels:
    behaviour = task.part(Behaviour)
    if behaviour is None or behaviour.chunk_pixels is None:
        raise ConfigError(f"{task.id} does not say where chunks lead in its pictures; it has no chunk_pixels.")
    return behaviour.chunk_pixels


def _places(task: TaskSpec, agent_pos: NDArray[np.floating[Any]], size_px: int) -> NDArray[np.float64]:
    """The agent's places `(T, Na)` as pixels `(T, 2)`: those of chunks without any way."""
    if task.action.kind == "position":
        places: NDArray[np.float64] = _chunk_pixels(task)(agent_pos[0], None, agent_pos[None], size_px)[0]
        return places
    still = np.zeros((1, 1, task.action.dim))
    return np.stack([_chunk_pixels(task)(place, None, still, size_px)[0, 0] for place in agent_pos])
