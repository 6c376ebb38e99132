"""Floors: cheap policies do what their names say, the committed figures are those of the tasks, and still true."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import dpbench  # noqa: F401  # registers the environments
from dpbench.checks import check_floors
from dpbench.checks.cheap_policies import Around, Held, Replayed, Several, Uniform
from dpbench.checks.floors import CHEAP, ceiling_of, constants, corners, floor_of, measure
from dpbench.checks.measured_floors import read
from dpbench.errors import ConfigError, DataError
from dpbench.policies.noise import NoiseStreams
from dpbench.registry import registry
from dpbench.tasks import load_task
from dpbench.yardsticks import NOTHING, Floor

COMMITTED = read(Path(__file__).parents[2] / "leaderboards/floors.json")
TASKS = registry("task").names()
AVOID = load_task("dpbench/Avoid-v1")
SLOW = (
    "Lift",
    "Can",
    "Square",
    "ToolHang",
    "Transport",
    "RealArm",
    "Image",
    "PushT",
    "BlockPush-v0",
    "BlockPushAbs-v0",
)
"""Measured by the command only: slow to step, or the same motion as another task."""


def test_several_policies_act_in_one_batch_as_they_do_alone() -> None:
    low, high = np.full(2, -1.0), np.full(2, 1.0)
    observations = {"agent_pos": np.arange(8, dtype=np.float32).reshape(4, 1, 2)}

    def policies() -> tuple[Held, Uniform, Around, Replayed]:
        path = np.arange(6, dtype=np.float32).reshape(3, 2)
        return Held(high), Uniform(low, high), Around(None, 0.1 * high), Replayed(path)

    together, alone = Several(policies()), policies()
    streams = [NoiseStreams.for_trials([(0, seed) for seed in range(4)]) for _ in range(2)]
    for rows in ([0, 1, 2, 3], [3, 1, 0], [1, 3]):
        seen = {key: value[rows] for key, value in observations.items()}
        acted = together.act(seen, streams[0].rows(np.array(rows)))
        for place, row in enumerate(rows):
            one = {key: value[[row]] for key, value in observations.items()}
            np.testing.assert_array_equal(acted[[place]], alone[row].act(one, streams[1].rows(np.array([row]))))


def test_every_corner_the_centre_and_a_grid_are_held() -> None:
    held = {tuple(policy._action.tolist()) for policy in corners(AVOID).values() if isinstance(policy, Held)}
    low, high = (np.array(bound, dtype=np.float32) for bound in (AVOID.action.low, AVOID.action.high))
    assert held == {
        *((x, y) for x in (low[0], high[0]) for y in (low[1], high[1])),
        tuple(((low.astype(float) + high.astype(float)) / 2).astype(np.float32).tolist()),
    }
    assert len(constants(AVOID)) == 81


def test_a_floor_above_two_per_cent_needs_a_reason() -> None:
    with pytest.raises(ConfigError, match="needs a reason"):
        Floor(0.0, replayed=0.5)
    assert Floor(NOTHING, 0.0).reason == ""


def measured_as(name: str) -> str:
    """The task that moves alike and was measured: what a policy sees does not matter to one that does not look."""
    return name.replace("Image", "").replace("dpbench/PushT-", "dpbench/PushTKeypoints-")


@pytest.mark.parametrize("name", TASKS)
def test_every_task_declares_the_floor_and_the_ceiling_that_were_measured(name: str) -> None:
    task, measured = load_task(name), COMMITTED[measured_as(name)]
    assert task.floor == floor_of(measured, task.floor.reason if task.floor else "")
    assert task.ceiling == ceiling_of(measured)


@pytest.mark.parametrize("name", [name for name in TASKS if not any(slow in name for slow in SLOW)])
def test_the_committed_floor_is_still_true(name: str) -> None:
    """A few of the cheapest policies, from two starts; `dpbench check floors` measures all."""
    task = load_task(name)
    assert task.floor is not None
    for kind, make in CHEAP.items():
        all_of_them = make(task)
        chosen = {each: all_of_them[each] for each in list(all_of_them)[:: max(1, len(all_of_them) // 3)]}
        reached = measure(task, chosen, n_starts=2)
        assert reached is not None
        declared = (task.floor.replayed or 0.0) if kind == "replays" else task.floor.success
        assert reached.success <= max(declared, NOTHING), (kind, reached)


def test_a_measurement_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path, counts = tmp_path / "floors.json", list[int]()
    findings = check_floors(AVOID, path, 1, 1, counts.append)
    assert [finding.name for finding in findings] == [*CHEAP, "ceiling", "as the task says"]
    assert sum(counts) == 5 + 81 + 4 + 3 + 1
    before = path.read_bytes()
    again = check_floors(AVOID, path, 1, 1, counts.append)
    assert (sum(counts), path.read_bytes(), again) == (94, before, findings)
    path.write_text("[]")
    with pytest.raises(DataError, match="does not hold measured floors"):
        check_floors(AVOID, path, 1, 1)


def test_held_actions_that_solved_the_superseded_course_are_found() -> None:
    reached = measure(load_task("dpbench/Avoid-v0"), {"a held target": Held(np.array([0.32, 0.47]))}, n_starts=3)
    assert reached is not None
    assert (reached.success, reached.steps) == (1.0, 2.0)
