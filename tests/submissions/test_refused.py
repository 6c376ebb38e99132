"""Records that somebody doctored, or that mean to harm: one sentence each, and nothing is added."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpbench.cli import main
from dpbench.records.trajectories import digest

from .conftest import Submitted

Json = dict[str, Any]


def put(value: object, *place: str | int) -> Callable[[Json], None]:
    """Sets a value somewhere in the record."""

    def change(content: Any) -> None:
        for part in place[:-1]:
            content = content[part]
        content[place[-1]] = value

    return change


def seeds(values: list[int]) -> Callable[[Json], None]:
    """Other start seeds, in cell and episodes alike."""

    def change(content: Json) -> None:
        content["cell"]["start_seeds"] = values
        for name, column in content["episodes"].items():
            content["episodes"][name] = (column * 2)[: len(values)]
        content["episodes"]["start_seed"] = values
        content["summary"] = {"success": content["summary"]["success"]}

    return change


def narrower(content: Json) -> None:
    interval = content["summary"]["success"]
    interval["high"] = (interval["mean"] + interval["high"]) / 2


def faster(content: Json) -> None:
    content["latency"]["call_s"] = dict.fromkeys(("p50", "p95", "p99"), 1e-12)


DOCTORED: dict[str, tuple[Callable[[Json], object], str]] = {
    "a figure of an episode": (put(0.5, "episodes", "max_score", 1), "episodes.max_score is 0.5"),
    "a success": (put(True, "episodes", "success", 0), "summary.success is 0, which does not follow"),
    "a mean": (put(999.0, "summary", "length", "mean"), "summary.length is 999"),
    "a mean within its episodes": (
        lambda content: content["summary"]["rms_jerk"].update(mean=min(content["episodes"]["rms_jerk"])),
        "summary.rms_jerk.mean is",
    ),
    "an interval": (narrower, "summary.success.high is"),
    "a figure of no metric": (put(1.0, "summary", "human_likeness"), "summary.human_likeness cannot be computed"),
    "a column of no metric": (put([1, 1, 1], "episodes", "beauty"), "episodes.beauty cannot be computed"),
    "other seeds": (seeds([7, 8, 9]), "cell.start_seeds are 3 other seeds than the 3 of legacy-100000"),
    "too few seeds": (seeds([100000, 100001]), "cell.start_seeds are 2 other seeds"),
    "a seed twice": (seeds([100000, 100000, 100001]), "cell.start_seeds has a seed twice"),
    "chosen sampler seeds": (
        lambda content: (put([5], "cell", "sampler_seeds")(content), put([5] * 3, "episodes", "sampler_seed")(content)),
        "cell.sampler_seeds = [5]",
    ),
    "starts of no report": (put("selection", "cell", "starts"), "cell.starts = 'selection'"),
    "easier starts": (put({"state": [1]}, "cell", "reset_options"), "cell.reset_options"),
    "another protocol": (put(0, "cell", "protocol_version"), "was made by protocol 0"),
    "an unknown task": (put("dpbench/Moon-v0", "cell", "task"), "Moon-v0"),
    "a short name": (put("pusht", "cell", "task"), "expected the whole id"),
    "a superseded task": (put("dpbench/Avoid-v0", "cell", "task"), "dpbench/Avoid-v0 is superseded"),
    "modes of its own": (put(["win"], "modes"), "modes"),
    "HTML in a name": (put("<script>alert(1)</script>", "cell", "policy", "baseline"), "cell.policy.baseline"),
    "Markdown in a name": (put("[a](http://a.b)", "cell", "policy", "preset"), "cell.policy.preset"),
    "a terminal's escape": (put("\x1b[31mred", "cell", "policy", "baseline"), "cell.policy.baseline"),
    "a turned direction": (put("\u202eabc", "provenance", "hardware", "cpu"), "holds control characters"),
    "markup in a text": (put("<b>fast</b>", "provenance", "hardware", "platform"), "holds markup"),
    "a link in the command": (put("see https://a.b", "provenance", "command"), "holds markup"),
    "markup as a field": (put("1", "provenance", "versions", "<i>"), "has a field '<i>'"),
    "a commit that is none": (put("latest", "provenance", "commit", "id"), "expected a commit's hash"),
    "a checksum that is none": (put("abc", "cell", "policy", "checkpoint_sha256"), "expected a SHA-256"),
    "a schema to come": (put(99, "schema_version"), "has schema_version 99, this dpbench knows up to 2; update"),
    "a field of no schema": (put(1, "trust_me"), "no such field"),
    "another identity": (put("0" * 64, "identity"), "identity is not the SHA-256 of cell"),
    "a p50 above p99": (put(9.0, "latency", "call_s", "p50"), "expected p50 <= p95 <= p99"),
    "a rate too high": (put(1e6, "latency", "held_rate_hz"), "latency.held_rate_hz"),
    "steps too fast": (
        put({"p50": 1e-9, "p95": 1e-9, "p99": 1e-9}, "latency", "control_step_s"),
        "latency.control_step_s",
    ),
    "calls too fast": (faster, "latency.call_s"),
    "one timed call": (
        lambda content: content["latency"].update(n_calls=1, times_s=None),
        "latency.n_calls = 1",
    ),
    "a future date": (put("2099-01-01T00:00:00+00:00", "provenance", "date_utc"), "is not a day"),
    "no such day": (put("2026-13-41", "provenance", "date_utc"), "is not a day"),
    "a network of any size": (put(10**15, "cell", "policy", "n_parameters"), "n_parameters"),
    "weights without a checksum": (put(None, "cell", "policy", "checkpoint_sha256"), "no checkpoint_sha256"),
    "a note of its own": (
        put(
            {"n_episodes": 3, "agreement": "equal", "sample_seed": None, "dpbench": "1", "cpu": "x",
             "date_utc": "2026-01-01T00:00:00+00:00"},
            "submission",
        ),
        "has a note of a submission",
    ),
    "no trajectories": (lambda content: content.pop("trajectories"), "has no trajectories"),
    "trajectories elsewhere": (put("../other.npz", "trajectories", "file"), "is not the name of an .npz file beside"),
    "trajectories that are missing": (put("other.npz", "trajectories", "file"), "other.npz: cannot be read"),
    "trajectories of another checksum": (put("0" * 64, "trajectories", "sha256"), "its SHA-256 is not the one"),
    "NaN": (put(float("nan"), "summary", "success", "mean"), "is no number"),
}  # fmt: skip


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], records: Path) -> str:
    """The one line that refuses; the folder of the records stays as it was."""
    before = {path: path.read_bytes() for path in records.rglob("*")} if records.exists() else {}
    assert main(["leaderboard", "add", *arguments, "--records", str(records), "--workers", "1"]) in (1, 2)
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(told) == 1
    assert told[0].isprintable()
    assert len(told[0]) < 1000
    assert {path: path.read_bytes() for path in records.rglob("*")} == before if records.exists() else not before
    return told[0]


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_record_is_refused(
    name: str, submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, expected = DOCTORED[name]
    submitted.change(change)
    assert expected in refused([str(submitted.record)], capsys, tmp_path / "records")


def arrays_of(submitted: Submitted) -> dict[str, Any]:
    with np.load(submitted.trajectories) as file:
        return dict(file)


def with_trajectories(submitted: Submitted, content: bytes) -> None:
    """Put other trajectories beside the record, which names their checksum."""
    submitted.trajectories.write_bytes(content)
    submitted.change(put(digest(content), "trajectories", "sha256"))


def packed(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def bomb() -> bytes:
    """1 GiB of zeros in about 1 MiB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file, file.open("actions.npy", "w") as part:
        header = {"descr": "<f4", "fortran_order": False, "shape": (2**27, 2)}
        np.lib.format.write_array_header_1_0(part, header)
        for _ in range(2**10):
            part.write(bytes(2**20))
    return buffer.getvalue()


def pickled(submitted: Submitted) -> bytes:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (submitted.folder / "executed",))

    return packed({**arrays_of(submitted), "actions": np.array([Evil()], dtype=object)})


def lifted(submitted: Submitted, name: str, change: Callable[[Any], Any]) -> bytes:
    arrays = arrays_of(submitted)
    return packed({**arrays, name: change(arrays[name])})


HOSTILE: dict[str, tuple[Callable[[Submitted], bytes], str]] = {
    "nothing": (lambda _: b"", "does not hold trajectories"),
    "half": (lambda made: made.trajectories.read_bytes()[:900], "does not hold trajectories"),
    "a bomb": (lambda _: bomb(), "its arrays declare more than"),
    "a pickle": (pickled, "does not hold trajectories"),
    "other episodes": (lambda made: lifted(made, "start_seed", lambda seed: seed + 1), "those of other episodes"),
    "another chunk": (lambda made: lifted(made, "n_action_steps", lambda _: np.int64(3)), "have 3 steps a call"),
    "rewards beyond the task's": (lambda made: lifted(made, "rewards", lambda some: some + 5), "a reward outside of"),
    "better rewards": (lambda made: lifted(made, "rewards", lambda some: some * 0 + 0.9), "gives other rewards"),
    "successes": (lambda made: lifted(made, "successes", lambda some: some | True), "gives other successes"),
    "other actions": (lambda made: lifted(made, "actions", lambda some: some + 1), "the simulator gives other"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_trajectories_are_refused(
    name: str, submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, expected = HOSTILE[name]
    with_trajectories(submitted, make(submitted))
    assert expected in refused([str(submitted.record)], capsys, tmp_path / "records")
    assert not (submitted.folder / "executed").exists()


def test_an_episode_that_stops_too_early_is_refused(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays = arrays_of(submitted)
    last = int(arrays["length"][-1])
    cut = {name: arrays[name][: -last + 8] for name in ("actions", "rewards", "scores", "successes", "modes")}
    with_trajectories(
        submitted,
        packed({**arrays, **cut, "agent_pos": arrays["agent_pos"][: -last + 8],
                "length": np.array([*arrays["length"][:-1], 8])}),
    )  # fmt: skip
    assert "stops after 8 steps" in refused([str(submitted.record)], capsys, tmp_path / "records")


def test_a_record_that_is_a_link_is_refused(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links/record.json"
    link.symlink_to(submitted.record)
    assert "outside of its folder" in refused([str(link)], capsys, tmp_path / "records")


def test_a_record_that_is_not_there_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be read" in refused([str(tmp_path / "no.json")], capsys, tmp_path / "records")


def test_another_record_of_a_cell_that_has_one_is_refused(
    submitted: Submitted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    records = tmp_path / "records"
    assert main(["leaderboard", "add", str(submitted.record), "--records", str(records), "--workers", "1"]) == 0
    capsys.readouterr()
    submitted.change(put("2026-01-01T00:00:00+00:00", "provenance", "date_utc"))
    assert "its cell has a record already (a submission of" in refused([str(submitted.record)], capsys, records)
    assert len(json.loads(submitted.record.read_text())["episodes"]["success"]) == 3
