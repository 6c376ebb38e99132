"""A record with given figures."""

from __future__ import annotations

from typing import Any


def record(policy: str, seed: int | None, score: float, step: int = 10) -> dict[str, Any]:
    """Two starts, one sampler seed, every figure equal to `score`."""
    estimate = {"mean": score, "low": score - 0.05, "high": score + 0.05}
    names = ("success_rate", "mean_max_reward", "mean_max_score", "mean_final_score", "mean_length", "mean_rms_jerk")
    identity = {"baseline": policy, "preset": "small", "config": {}, "n_parameters": 5, "checkpoint_sha256": str(seed)}
    return {
        "identity": f"{policy}{seed}{step}",
        "cell": {
            "task": "dpbench/PushTKeypoints-v0",
            "starts": "published",
            "start_seeds": [1, 2],
            "sampler_seeds": [0],
            "policy": {**identity, **({"seed": seed, "step": step} if seed is not None else {})},
        },
        "summary": {**dict.fromkeys(names, estimate), "n_starts": 2, "n_episodes": 2},
        "episodes": {"start_seed": [1, 2], "success": [True, False], "max_reward": [score, score]},
        "latency": {key: {"p50": 0.1, "p95": 0.1, "p99": 0.1} for key in ("call_s", "control_step_s")},
        "provenance": {"commit": {"id": "c", "dirty": False}, "date_utc": "2026-01-01"},
    }
