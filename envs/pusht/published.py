"""What Chi et al. 2023 (arXiv 2303.04137v5) report on Push-T.

Table 1 was measured from keypoints and Table 2 from pictures; the paper has no column for the block's pose.
"""

from __future__ import annotations

from dpbench.spec import PublishedResult, PublishedResults, TaskSpec

NOTE = """\
Chi et al. 2023 report the mean over episodes of the largest reward (the column `score`): `max` is that of the best
checkpoint, `avg` the average of the last ten, each over 3 training seeds and 50 start states, with networks of the
paper's size. The start states are drawn as ours are (seeds 100000 and up, legacy order); network size and training
budget differ."""


def _results(source: str, **averages: tuple[float, float]) -> tuple[PublishedResult, ...]:
    return tuple(
        PublishedResult(method.replace("_", "-"), f"mean max reward, {kind}", value, source)
        for method, pair in averages.items()
        for kind, value in zip(("max", "avg"), pair, strict=True)
    )


KEYPOINTS = _results(
    "Chi et al. 2023, Tab. 1 (state)",
    lstm_gmm=(0.67, 0.61),
    ibc=(0.90, 0.84),
    bet=(0.79, 0.70),
    diffusion_cnn=(0.95, 0.91),
    diffusion_transformer=(0.95, 0.79),
)
IMAGE = _results(
    "Chi et al. 2023, Tab. 2 (image)",
    lstm_gmm=(0.69, 0.54),
    ibc=(0.75, 0.64),
    diffusion_cnn=(0.91, 0.84),
    diffusion_transformer=(0.78, 0.66),
)


def results(task: TaskSpec) -> PublishedResults:
    """Those of the task's observation mode."""
    return PublishedResults(KEYPOINTS if "environment_state" in task.observations else IMAGE, NOTE)
