"""Action chunks that policies sample at one state, drawn over the scene, a panel each (Chi et al. 2023, Fig. 3)."""

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
from dpbench.escaping import in_figure
from dpbench.evaluation.action_distribution import sample_policy
from dpbench.evaluation.rollout import rollout
from dpbench.files.writing import write_bytes
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
    """One policy at one state.

    Attributes:
        name: title of the panel.
        chunks: N sampled chunks as pixels (column, row), `(N, Ta, 2)`.
        paths: the agent's paths in some rollouts as pixels, `(T + 1, 2)` each.
    """

    name: str
    chunks: NDArray[np.float64]
    paths: tuple[NDArray[np.float64], ...]


@dataclass(frozen=True)
class Scene:
    """The state at which all policies are sampled.

    Attributes:
        picture: `(H, W, 3)` RGB.
        observation: flat key -> value.
        agent_px: pixel (column, row) of the agent, `(1, 2)`.
    """

    picture: NDArray[np.uint8]
    observation: Mapping[str, NDArray[Any]]
    agent_px: NDArray[np.float64]


def scene(task: TaskSpec, starts: EvaluationStarts) -> Scene:
    """The first start of a protocol.

    Raises:
        ConfigError: for a task that cannot draw action chunks.
    """
    env = gym.make(task.id, render_mode="rgb_array")
    try:
        raw, _ = env.reset(seed=starts.first_seed, options=dict(starts.reset_options))
        picture: Any = env.render()
    finally:
        env.close()
    observation = {key: np.asarray(value) for key, value in flatten(raw)}
    return Scene(np.asarray(picture), observation, _agent_pixels(task, observation["agent_pos"][None], len(picture)))


def panel(
    name: str, policy: Policy, task: TaskSpec, starts: EvaluationStarts, at: Scene, n_chunks: int, n_paths: int,
    path_steps: int,
) -> Panel:  # fmt: skip
    """Sample chunks at the scene's state, and record some rollouts from there.

    Args:
        name: of the policy.
        policy: any.
        task: of the scene.
        starts: of the scene.
        at: the scene.
        n_chunks: number of sampled chunks, each with its own noise.
        n_paths: number of rollouts.
        path_steps: length of a rollout, steps.
    """
    size_px = len(at.picture)
    batch = {key: value[None] for key, value in at.observation.items()}
    history = {key: value[0] for key, value in stack_history([batch], policy.horizon.n_obs_steps).items()}
    chunks = sample_policy(policy, history, n_chunks, 0)
    pixels = _chunk_pixels(task)(at.observation["agent_pos"], at.observation.get("environment_state"), chunks, size_px)
    paths: tuple[NDArray[np.float64], ...] = ()
    if n_paths:
        wanted = [Trial(starts.first_seed, sampler) for sampler in range(n_paths)]
        episodes = rollout(policy, task, starts, wanted, max_steps=path_steps)
        paths = tuple(_agent_pixels(task, episode.agent_pos, size_px) for episode in episodes)
    return Panel(name, pixels, paths)


def draw_panels(at: Scene, panels: Sequence[Panel], title: str, path: Path) -> None:
    """Write the PNG.

    Raises:
        OSError: when the file cannot be written.
    """
    n_columns = min(COLUMNS, len(panels))
    n_rows = -(-len(panels) // n_columns)
    figure = Figure(figsize=(3.2 * n_columns, 3.5 * n_rows), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False)
    for axis, each in zip(axes.flat, panels, strict=False):
        axis.imshow(at.picture)
        for path_px in each.paths:
            axis.plot(*path_px.T, color=PATH, alpha=0.35, linewidth=1)
        for chunk in each.chunks:
            axis.plot(*chunk.T, "-", color=CHUNK, alpha=0.4, linewidth=1)
            axis.plot(*chunk[-1], ".", color=CHUNK, alpha=0.6, markersize=5)
        axis.plot(*at.agent_px[0], "o", color=EFFECTOR, markersize=5)
        axis.set(title=in_figure(each.name), xlim=(0, at.picture.shape[1]), ylim=(at.picture.shape[0], 0))
    for axis in axes.flat:
        axis.set_axis_off()
    figure.suptitle(in_figure(title))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_bytes(path, buffer.getvalue())


def _chunk_pixels(task: TaskSpec) -> ChunkPixels:
    behaviour = task.part(Behaviour)
    if behaviour is None or behaviour.chunk_pixels is None:
        raise ConfigError(f"{task.id} cannot draw action chunks: its behaviour part has no chunk_pixels.")
    return behaviour.chunk_pixels


def _agent_pixels(task: TaskSpec, agent_pos: NDArray[np.floating[Any]], size_px: int) -> NDArray[np.float64]:
    """Positions of the agent `(T, Na)` as pixels `(T, 2)`: where a chunk leads that commands no motion."""
    if task.action.kind == "position":
        pixels: NDArray[np.float64] = _chunk_pixels(task)(agent_pos[0], None, agent_pos[None], size_px)[0]
        return pixels
    still = np.zeros((1, 1, task.action.dim))
    return np.stack([_chunk_pixels(task)(position, None, still, size_px)[0, 0] for position in agent_pos])
