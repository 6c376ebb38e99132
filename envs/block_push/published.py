"""What Chi et al. 2023 (arXiv 2303.04137v5), Table 4, report on block push."""

from __future__ import annotations

from dpbench.spec import PublishedResult, PublishedResults, TaskSpec

_TABLE = "Chi et al. 2023, Tab. 4"
NOTE = """\
Chi et al. 2023 report the share of rollouts that pass p1 and p2; `stage_reward, avg` is what follows from them for the
mean sum of rewards, 0.49 p1 + 0.51 p2. Their simulator is PyBullet, ours is MuJoCo."""
_STAGES_PASSED = {
    "lstm-gmm": (0.03, 0.01),
    "ibc": (0.01, 0.00),
    "bet": (0.96, 0.71),
    "diffusion-cnn": (0.36, 0.11),
    "diffusion-transformer": (0.99, 0.94),
}
RESULTS = tuple(
    PublishedResult(method, stage, value, _TABLE)
    for method, pair in _STAGES_PASSED.items()
    for stage, value in zip(("p1", "p2"), pair, strict=True)
) + tuple(
    PublishedResult(method, "stage_reward, avg", round(0.49 * p1 + 0.51 * p2, 2), f"{_TABLE}: 0.49 p1 + 0.51 p2")
    for method, (p1, p2) in _STAGES_PASSED.items()
)


def results(task: TaskSpec) -> PublishedResults:  # noqa: ARG001  # one column for all
    """The paper's only column for this task."""
    return PublishedResults(RESULTS, NOTE)
