"""Pictures, the window, and playing by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from dpbench.data.episodes import EpisodeStore
from dpbench.demonstrations.recording import record
from dpbench.envs.pusht.env import PushTEnv
from dpbench.envs.pusht.rendering import draw
from dpbench.errors import ConfigError, MissingExtraError
from dpbench.tasks import load_task

pygame = pytest.importorskip("pygame")


def test_image_observations_equal_gym_pushts_but_for_edges() -> None:
    """Over all pictures at most 0.5 % of the pixels differ by more than 8/255, and in no picture more than 0.7 %."""
    theirs = pytest.importorskip("gym_pusht.envs.pusht").PushTEnv(obs_type="pixels", render_mode="rgb_array")
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        start = [*rng.uniform(50, 450, 2), *rng.uniform(100, 400, 2), rng.uniform(-3, 3)]
        picture, _ = theirs.reset(seed=0, options={"reset_to_state": start})
        agent, block = theirs.agent.position, theirs.block.position
        ours = draw((agent.x, agent.y, block.x, block.y, theirs.block.angle), 96)
        shares.append(np.mean(np.abs(ours.astype(int) - picture).max(axis=2) > 8))
    assert np.mean(shares) <= 0.005
    assert np.max(shares) <= 0.007


def test_frames_have_the_asked_size_and_show_the_action() -> None:
    env = PushTEnv(render_mode="rgb_array", render_size=200)
    env.reset(seed=0)
    before = env.render()
    env.step(np.array([50.0, 400.0]))
    after = env.render()
    assert before is not None
    assert after is not None
    assert before.shape == (200, 200, 3)
    red = np.all(after == (255, 0, 0), axis=2)
    assert red.any()
    assert not np.all(before == (255, 0, 0), axis=2).any()
    assert np.argwhere(red).mean(axis=0) == pytest.approx([400 / 512 * 200, 50 / 512 * 200], abs=1)


def test_a_finger_outside_the_window_can_be_drawn() -> None:
    for x, y in ((-100, 50), (3, 3), (509, 511), (700, 700)):
        assert draw((x, y, 256, 256, 0.0), 512).shape == (512, 512, 3)


class Hand:
    """Moves the mouse onto the finger, then drags it through a script of positions and keys."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, env: PushTEnv, script: list[Any]) -> None:
        self._env, self._script = env, iter(script)
        self._position = (0, 0)
        monkeypatch.setattr(pygame.mouse, "get_pos", self.move)
        monkeypatch.setattr(pygame.time, "Clock", lambda: type("Clock", (), {"tick": lambda *_: 0})())

    def move(self) -> tuple[float, float]:
        item = next(self._script, "q")
        if isinstance(item, str):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.key.key_code(item)))
        elif item == ():
            state = self._env.get_state()
            self._position = (state[0], state[1])
        else:
            self._position = item
        return self._position


def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: list[Any]) -> tuple[Any, Path]:
    env = gym.make("dpbench/PushT-v0", render_mode="human", max_episode_steps=-1)
    Hand(monkeypatch, env.unwrapped, script)  # type: ignore[arg-type]
    path = tmp_path / "recorded.zarr"
    try:
        return record(env, load_task("dpbench/PushT-v0"), path, first_seed=0, say=lambda _: None), path
    finally:
        env.close()


def test_episodes_played_with_the_mouse_go_to_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = [(5, 5), (), (250, 250), (260, 250), "s", (), (90, 90), "r", (), (100, 100), "s"]
    done, path = play(tmp_path, monkeypatch, script)
    store = EpisodeStore.open(path)
    assert (done.saved, store.n_episodes) == (2, 2)
    assert (store.start_seeds.tolist(), store.attempts.tolist()) == ([0, 1], [0, 1])
    assert set(store.keys()) == {"action", "agent_pos", "block_pose", "keypoints"}
    assert store.read("action")[1].tolist() == [250, 250]
    assert np.linalg.norm(store.read("agent_pos")[0] - store.read("action")[0]) < 30, "the finger was taken, not moved"


def test_r_discards_and_q_keeps_nothing_unfinished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, path = play(tmp_path, monkeypatch, [(), (250, 250), "r", (), (250, 250), "q"])
    assert (done.saved, done.discarded) == (0, 1)
    assert not path.exists()


def test_the_mouse_needs_a_window() -> None:
    env = PushTEnv()
    env.reset(seed=0)
    with pytest.raises(ConfigError, match="render_mode='human'"):
        env.human_action()


def test_without_pygame_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'dpbench\[human\]'"):
        PushTEnv(render_mode="human").reset(seed=0)
