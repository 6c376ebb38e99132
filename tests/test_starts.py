"""Start states that checkpoints are chosen on are none that results are reported from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpbench.cli import main
from dpbench.comparison.cells import Cell, resolve
from dpbench.comparison.selection import Selection, select
from dpbench.errors import ConfigError, TaskError
from dpbench.evaluation import during_training
from dpbench.evaluation.rollout import MAX_STARTS, rollout, trials
from dpbench.policies.opening import describe_policy, open_policy
from dpbench.registry import registry
from dpbench.spec import EvaluationStarts
from dpbench.starts import SELECTION
from dpbench.tasks import load_task

from .checks.point import TASK as POINT
from .extending.strangers import installed

ROOT = Path(__file__).parents[1]
TASK = "dpbench/PushTKeypoints-v0"


@pytest.mark.parametrize("task_id", registry("task").names())
def test_no_seed_is_both_chosen_on_and_reported_whatever_the_number_of_starts(task_id: str) -> None:
    task = load_task(task_id)
    choosing = task.starts(SELECTION)
    assert choosing.count >= 50
    for starts in task.evaluation:
        assert not set(choosing.seeds()) & set(starts.seeds())
        assert not starts.shares_seeds(choosing, MAX_STARTS), "a list may be run beyond its length"
        assert not choosing.shares_seeds(starts, MAX_STARTS)


def test_no_demonstration_begins_where_a_checkpoint_is_chosen() -> None:
    first = load_task(TASK).starts(SELECTION).first_seed
    assert first >= 1_000 * 1_000_000, "episode i begins at i, i + 1,000,000, ...: a thousand attempts"


@pytest.mark.parametrize(
    "wrong",
    [EvaluationStarts(SELECTION, 9, 5), EvaluationStarts(SELECTION, 0, 1), EvaluationStarts(SELECTION, 5, 1)],
)
def test_a_task_that_would_choose_on_reported_seeds_is_refused(wrong: EvaluationStarts) -> None:
    with pytest.raises(TaskError, match=r"seeds \d+ to \d+ are for choosing .*reported .* \(seeds-0: 0 to 9\)"):
        replace(POINT, selection=wrong).starts(SELECTION)


def test_a_task_may_choose_on_seeds_of_its_own_and_the_name_is_taken() -> None:
    own = EvaluationStarts(SELECTION, 10, 5)
    assert replace(POINT, selection=own).starts(SELECTION) == own
    with pytest.raises(TaskError, match="'selection' names the starts for choosing"):
        replace(POINT, evaluation=(own,)).starts(SELECTION)
    with pytest.raises(TaskError, match="'selection' names the starts for choosing"):
        replace(POINT, selection=replace(own, name="mine")).starts(SELECTION)


PLUGIN = """
from dataclasses import replace
from dpbench.spec import EvaluationStarts
from dpbench.tasks import TaskEntry, load_task

SPEC = replace(load_task("dpbench/Avoid-v1"), id="leaky/Fold-v0", selection=EvaluationStarts("selection", 100_049, 2))
TABLE = {"leaky/Fold-v0": TaskEntry("leaky:SPEC", "dpbench.envs.avoid.env:Avoid", None, 10, {})}
"""


def test_a_plugin_that_chooses_on_reported_seeds_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with installed(tmp_path) as strangers:
        strangers.add("leaky", PLUGIN, "tasks")
        assert main(["evaluate", "hold", "--task", "leaky/Fold-v0"]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "seeds 100049 to 100050 are for choosing a checkpoint, and results are reported from some" in error
        assert main(["check", "task", "leaky/Fold-v0"]) == 1
        assert "are for choosing a checkpoint" in " ".join(capsys.readouterr().out.split())


def test_rollouts_while_training_begin_at_starts_for_choosing(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def spied(policy: Any, task: Any, starts: Any, wanted: Any) -> Any:
        seen.extend(trial.start_seed for trial in wanted)
        return rollout(policy, task, starts, wanted, max_steps=2)

    monkeypatch.setattr(during_training, "rollout", spied)
    task = load_task("dpbench/Avoid-v1")
    during_training.evaluate_while_training(open_policy(describe_policy("hold", task.id)), task, 2)
    assert seen == list(task.starts(SELECTION).seeds(2))


def test_a_list_is_not_run_into_the_starts_for_choosing(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = resolve(Cell("hold", TASK, starts=SELECTION, n_starts=2, sampler_seeds=(0,)))
    assert cell.evaluated.starts == SELECTION
    assert cell.trials == trials(load_task(TASK).starts(SELECTION), 2, (0,))
    near = replace(load_task(TASK), selection=EvaluationStarts(SELECTION, 100_060, 5))
    monkeypatch.setattr("dpbench.comparison.cells.load_task", lambda _: near)
    resolve(Cell("hold", TASK, n_starts=60))
    with pytest.raises(ConfigError, match="61 starts of legacy-100000 reach those that checkpoints are chosen on"):
        resolve(Cell("hold", TASK, n_starts=61))


def test_no_table_of_results_is_made_from_starts_for_choosing() -> None:
    with pytest.raises(ConfigError, match="no result is reported from them"):
        select(Selection(ROOT / "zoo", starts=SELECTION))
