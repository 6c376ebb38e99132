"""The description of Avoid (numpy only, no simulator)."""

from __future__ import annotations

from itertools import product

from dpbench.metrics.behaviour import Behaviour
from dpbench.policies.demonstrator import ScriptedDemonstrator
from dpbench.spec import ActionSpec, ArraySpec, EvaluationStarts, TaskSpec

from . import MAX_EPISODE_STEPS
from .scene import CLOSED, OPEN, Course
from .yardsticks import YARDSTICKS

RATE_HZ = 10.0
IMAGE_PX = 96
MODES = tuple("".join(map(str, gaps)) for gaps in product(*(range(len(row)) for row in CLOSED.gaps_x_m)))
"""The 24 ways: the gap in each row, counted from the left, `"000"` to `"123"`."""

# The finger overshoots its target a little.
AGENT_POS = ArraySpec((2,), "float32", -1.0, 1.0, "m", ("finger x", "finger y"))
TARGET = ArraySpec((2,), "float32", -1.0, 1.0, "m", ("last target x", "last target y"))
PIXELS = ArraySpec((IMAGE_PX, IMAGE_PX, 3), "uint8", 0.0, 255.0, "8-bit RGB")


def action_spec(course: Course) -> ActionSpec:
    """Targets within the workspace of a course."""
    return ActionSpec(
        names=("target x", "target y"),
        low=(-course.half_width_m, course.back_y_m),
        high=(course.half_width_m, course.front_y_m),
        unit="m",
        kind="position",
        frame="course, y ahead",
    )


def _task(name: str, course: Course, key: str, spec: ArraySpec) -> TaskSpec:
    floor, ceiling = YARDSTICKS[course]
    return TaskSpec(
        id=f"dpbench/{name}",
        family="Avoid",
        observations={"agent_pos": AGENT_POS, key: spec},
        action=action_spec(course),
        rate_hz=RATE_HZ,
        max_episode_steps=MAX_EPISODE_STEPS,
        success="the finger crosses the finish line without having touched an obstacle",
        score="progress",
        reward_range=(0.0, 1.0),
        packages=("mujoco",) if key == "environment_state" else ("mujoco", "opencv-python-headless"),
        evaluation=(EvaluationStarts("seeds-100000", 100_000, 50, source="ours"),),
        store_arrays={
            "agent_pos": "agent_pos",
            key: "target" if key == "environment_state" else key,
            "action": "action",
        },
        modes=MODES,
        floor=floor,
        ceiling=ceiling,
        superseded_by=f"dpbench/{name[:-1]}1" if course is OPEN else "",
        parts={
            Behaviour: "dpbench.envs.avoid.plans:behaviour",
            ScriptedDemonstrator: "dpbench.envs.avoid.demonstrator:scripted",
        },
    )


TASKS = {
    task.id: task
    for version, course in enumerate((OPEN, CLOSED))
    for task in (
        _task(f"Avoid-v{version}", course, "environment_state", TARGET),
        _task(f"AvoidImage-v{version}", course, "pixels.top", PIXELS),
    )
}


def course_of(task: TaskSpec) -> Course:
    """The course of a task: that of its version."""
    return OPEN if task.id.endswith("-v0") else CLOSED
