"""What Chi et al. 2023 (arXiv 2303.04137v5), Tables 1 and 2, report on robomimic's tasks."""

from __future__ import annotations

from dpbench.spec import PublishedResult, PublishedResults, TaskSpec

from .env_args import scene_name

NOTE = """\
Chi et al. 2023 report success rates of policies that learned from human demonstrations, by one proficient operator (ph)
or by several people (mh): `max` is the best checkpoint, `avg` the average of the last ten, each over 3 training seeds
and 50 start states. Ours learned from scripted demonstrations, so that the two columns cannot be compared."""
_TABLES = {"state": "Chi et al. 2023, Tab. 1 (state)", "image": "Chi et al. 2023, Tab. 2 (image)"}
_METHODS = {
    "state": ("lstm-gmm", "ibc", "bet", "diffusion-cnn", "diffusion-transformer"),
    "image": ("lstm-gmm", "ibc", "diffusion-cnn", "diffusion-transformer"),
}
# scene -> data -> max and avg of each method above; ph: one proficient operator, mh: several.
_PUBLISHED: dict[str, dict[str, dict[str, tuple[tuple[float, float], ...]]]] = {
    "state": {
        "Lift": {
            "ph": ((1.00, 0.96), (0.79, 0.41), (1.00, 0.96), (1.00, 0.98), (1.00, 1.00)),
            "mh": ((1.00, 0.93), (0.15, 0.02), (1.00, 0.99), (1.00, 0.97), (1.00, 1.00)),
        },
        "Can": {
            "ph": ((1.00, 0.91), (0.00, 0.00), (1.00, 0.89), (1.00, 0.96), (1.00, 1.00)),
            "mh": ((1.00, 0.81), (0.01, 0.01), (1.00, 0.90), (1.00, 0.96), (1.00, 0.94)),
        },
        "Square": {
            "ph": ((0.95, 0.73), (0.00, 0.00), (0.76, 0.52), (1.00, 0.93), (1.00, 0.89)),
            "mh": ((0.86, 0.59), (0.00, 0.00), (0.68, 0.43), (0.97, 0.82), (0.95, 0.81)),
        },
        "Transport": {
            "ph": ((0.76, 0.47), (0.00, 0.00), (0.38, 0.14), (0.94, 0.82), (1.00, 0.84)),
            "mh": ((0.62, 0.20), (0.00, 0.00), (0.21, 0.06), (0.68, 0.46), (0.62, 0.35)),
        },
        "ToolHang": {"ph": ((0.67, 0.31), (0.00, 0.00), (0.58, 0.20), (0.50, 0.30), (1.00, 0.87))},
    },
    "image": {
        "Lift": {
            "ph": ((1.00, 0.96), (0.94, 0.73), (1.00, 1.00), (1.00, 1.00)),
            "mh": ((1.00, 0.95), (0.39, 0.05), (1.00, 1.00), (1.00, 0.99)),
        },
        "Can": {
            "ph": ((1.00, 0.88), (0.08, 0.01), (1.00, 0.97), (1.00, 0.98)),
            "mh": ((0.98, 0.90), (0.00, 0.00), (1.00, 0.96), (1.00, 0.98)),
        },
        "Square": {
            "ph": ((0.82, 0.59), (0.03, 0.00), (0.98, 0.92), (1.00, 0.90)),
            "mh": ((0.64, 0.38), (0.00, 0.00), (0.98, 0.84), (0.94, 0.80)),
        },
        "Transport": {
            "ph": ((0.88, 0.62), (0.00, 0.00), (1.00, 0.93), (0.98, 0.81)),
            "mh": ((0.44, 0.24), (0.00, 0.00), (0.89, 0.69), (0.73, 0.50)),
        },
        "ToolHang": {"ph": ((0.68, 0.49), (0.00, 0.00), (0.95, 0.73), (0.76, 0.47))},
    },
}


def results(task: TaskSpec) -> PublishedResults:
    """Those of the task's scene and observation mode."""
    obs_mode = "state" if "environment_state" in task.observations else "image"
    rows = _PUBLISHED[obs_mode][scene_name(task)]
    return PublishedResults(
        tuple(
            PublishedResult(method, f"success on human data ({data}), {kind}", value, _TABLES[obs_mode])
            for data, pairs in rows.items()
            for method, pair in zip(_METHODS[obs_mode], pairs, strict=True)
            for kind, value in zip(("max", "avg"), pair, strict=True)
        ),
        NOTE,
    )
