"""A pair is run batch by batch until it is decided, and a run that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dpbench.cli import main
from dpbench.comparison import until_decided as running
from dpbench.comparison.cells import Cell, ResolvedCell, resolve
from dpbench.comparison.evaluate import successes
from dpbench.comparison.until_decided import Decision, until_decided
from dpbench.errors import ConfigError, DataError, EvaluationError
from dpbench.metrics.episode import Trial

TASK = "dpbench/Avoid-v1"


def cell(policy: str, n_starts: int = 40, sampler_seeds: tuple[int, ...] = (0,)) -> ResolvedCell:
    return resolve(Cell(policy, TASK, n_starts=n_starts, sampler_seeds=sampler_seeds))


@pytest.fixture(autouse=True)
def ran(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replaces the rollouts: the first policy succeeds always, the second at every fifth start; what was run."""
    starts: list[int] = []

    def outcomes(one: ResolvedCell, trials: Sequence[Trial], _: int, on_done: Callable[[int], object]) -> list[bool]:
        starts.extend(trial.start_seed for trial in trials)
        on_done(len(trials))
        return [one.name == "demonstrator" or trial.start_seed % 5 == 0 for trial in trials]

    monkeypatch.setattr(running, "successes", outcomes)
    return starts


def decide(folder: Path, n_starts: int = 40, batch: int = 3) -> Decision:
    return until_decided(cell("demonstrator", n_starts), cell("hold", n_starts), folder, 1, batch, 0.05)


def test_it_stops_as_soon_as_the_bet_is_won(ran: list[int], tmp_path: Path) -> None:
    decision = decide(tmp_path)
    assert decision.bet.decided == "first"
    assert decision.n_run == 12, "whole batches, no more than needed"
    assert decision.bet.n_starts == 10, "eight discordant starts among ten"
    assert len(ran) == 2 * 12
    assert decision.episodes_saved == 2 * 28
    assert decision.sentence().startswith("decided: demonstrator is better than hold after 10 starts")


def test_a_decided_pair_runs_nothing_again(ran: list[int], tmp_path: Path) -> None:
    first = decide(tmp_path)
    ran.clear()
    assert decide(tmp_path) == first
    assert not ran


def test_a_run_that_was_killed_goes_on_with_the_next_batch(
    ran: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decide(tmp_path / "whole")
    ran.clear()
    working = running.successes

    def dies(one: ResolvedCell, trials: Sequence[Trial], *rest: object) -> list[bool]:
        if trials[0].start_seed >= cell("hold").trials[6].start_seed:
            raise EvaluationError("killed")
        return list(working(one, trials, *rest))  # type: ignore[arg-type]

    monkeypatch.setattr(running, "successes", dies)
    with pytest.raises(EvaluationError):
        decide(tmp_path / "killed")
    assert len(ran) == 2 * 6
    monkeypatch.setattr(running, "successes", working)
    again = decide(tmp_path / "killed")
    assert len(ran) == 2 * 12, "no start was run twice"
    assert again.bet == whole.bet
    assert [path.name for path in (tmp_path / "killed").iterdir()] == [whole.path.name], "one file a pair, no leftovers"


def test_what_is_not_decided_says_so_and_goes_on_with_more_starts(ran: list[int], tmp_path: Path) -> None:
    open_still = decide(tmp_path, n_starts=5)
    assert open_still.bet.decided is None
    assert "not decided within 5 starts" in open_still.sentence()
    assert open_still.episodes_saved == 0
    ran.clear()
    assert decide(tmp_path).bet.decided == "first"
    assert min(ran) == cell("hold").trials[5].start_seed


def test_a_state_that_is_damaged_or_of_another_pair_is_refused(tmp_path: Path) -> None:
    path = decide(tmp_path).path
    good = json.loads(path.read_text())
    others = (
        {**good, "state_version": 2},
        {**good, "outcomes": good["outcomes"][::-1]},
        {**good, "identity": "0" * 64},
        {**good, "first": good["second"]},
        {**good, "outcomes": [[1, "yes", True]]},
    )
    for bad in others:
        path.write_text(json.dumps(bad))
        with pytest.raises(DataError, match="and the pair begins anew"):
            decide(tmp_path)
        assert json.loads(path.read_text()) == bad, "it is left as it is"


def test_cells_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    hold = cell("hold")
    for second, why in (
        (hold, "the same policy"),
        (cell("demonstrator", sampler_seeds=(0, 1)), "one sampler seed"),
        (resolve(Cell("demonstrator", "dpbench/PushT-v0", n_starts=40, sampler_seeds=(0,))), "policies of one task"),
    ):
        with pytest.raises(ConfigError, match=why):
            until_decided(hold, second, tmp_path, 1, 10, 0.05)


def test_the_command_runs_two_scripts_and_tells_the_decision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "successes", successes)
    line = [
        "compare", "--until-decided", "demonstrator", "hold", "--tasks", "Avoid-v1", "--episodes", "30",
        "--records", str(tmp_path / "records"), "--workers", "1", "--json",
    ]  # fmt: skip
    assert main(line) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["decided"], told["n_starts"], told["n_run"], told["episodes_saved"]) == ("first", 8, 10, 40)
    assert main([*line, "--fresh"]) != 0
    assert "--fresh does nothing beside --until-decided" in capsys.readouterr().err
    assert main([*line[:-1], "--sampler-seeds", "0,1"]) != 0
    assert "choose one" in capsys.readouterr().err
    assert main(["compare", "--batch", "5"]) != 0
    assert "--batch does nothing without --until-decided" in capsys.readouterr().err
