"""The observation buffer holds the newest To observations and repeats the first one before there are so many."""

from __future__ import annotations

import numpy as np

from dpbench.policies.observation_buffer import ObservationBuffer, stack_history

BOTH = np.arange(2)


def observation(step: int) -> dict[str, np.ndarray]:
    """Two environments; the second one is 100 ahead."""
    return {"agent_pos": np.array([[step], [100 + step]], dtype=np.float32)}


def test_the_first_observation_stands_for_the_missing_past() -> None:
    buffer = ObservationBuffer(3)
    seen = []
    for step in range(5):
        buffer.add(observation(step))
        seen.append(buffer.history(BOTH)["agent_pos"][:, :, 0].tolist())
    assert [first for first, _ in seen] == [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 4]]
    assert all([value + 100 for value in first] == second for first, second in seen)


def test_a_stacked_episode_is_what_the_buffer_holds_after_it() -> None:
    for n_steps in range(1, 6):
        frames = [observation(step) for step in range(n_steps)]
        buffer = ObservationBuffer(3)
        for frame in frames:
            buffer.add(frame)
        assert np.array_equal(stack_history(frames, 3)["agent_pos"], buffer.history(BOTH)["agent_pos"])


def test_a_history_shares_no_memory_with_the_observations() -> None:
    frame = observation(1)
    history = stack_history([frame], 2)
    frame["agent_pos"][:] = 7
    assert history["agent_pos"].max() == 101
