"""Replay the human Push-T demonstrations and print how far the replay diverges from the recording over time.

    dpbench data fetch pusht
    python examples/replay_demonstrations.py

Each episode starts from its recorded state (angle set before position) and gets the recorded actions.
"""

from __future__ import annotations

import numpy as np

from dpbench.data.episodes import EpisodeStore, data_root
from dpbench.envs.pusht.geometry import coverage
from dpbench.envs.pusht.physics import Physics

STEPS = (1, 10, 25, 50, 75, 100, 150)


def replay(start: np.ndarray, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """States `(T + 1, 5)` before each action and after the last, and contact points in each step `(T,)`."""
    physics = Physics()
    physics.place(tuple(float(value) for value in start))  # type: ignore[arg-type]
    states, contacts = [], []
    for action in actions:
        states.append(physics.state())
        physics.n_contact_points = 0
        physics.step(float(action[0]), float(action[1]))
        contacts.append(physics.n_contact_points)
    return np.array([*states, physics.state()]), np.array(contacts)


def main() -> None:
    """Replay all and print the table."""
    store = EpisodeStore.open(data_root() / "pusht.zarr")
    recorded = np.concatenate([store.read("agent_pos"), store.read("block_pose")], axis=1).astype(np.float64)
    actions, ends = store.read("action").astype(np.float64), store.episode_ends
    errors, in_contact, at_first_step, final, best = [], [], [], [], []
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        states, contacts = replay(recorded[begin], actions[begin:end])
        error = np.abs(states[:-1, 2:4] - recorded[begin:end, 2:4]).max(axis=1)  # block position, px
        errors.append(error)
        diverged = np.flatnonzero(error > 0.01)
        if len(diverged):
            in_contact.append(bool(contacts[max(0, diverged[0] - 1)] > 0))
            at_first_step.append(diverged[0] == 1)
        scores = [coverage(*state[2:]) for state in states]
        final.append(scores[-1])
        best.append(max(scores))
    print("step   episodes   median px   90 % px   largest px")
    for step in STEPS:
        at = np.array([error[step] for error in errors if len(error) > step])
        print(f"{step:4d} {len(at):10d} {np.median(at):11.2g} {np.quantile(at, 0.9):9.2g} {at.max():12.2g}")
    whole = np.array([error.max() for error in errors])
    print(f"\nwithin 0.01 px from start to end: {np.mean(whole <= 0.01):.0%} of {len(whole)} episodes;")
    others = f"of the {len(in_contact)} others"
    print(f"{others}, {sum(in_contact)} diverge in contact, {sum(at_first_step)} in the first step")
    print(f"median of the largest error: {np.median(whole):.2g} px")
    print(f"coverage of the replay: after the last action {np.mean(final):.3f}, largest {np.mean(best):.3f}")


if __name__ == "__main__":
    main()
