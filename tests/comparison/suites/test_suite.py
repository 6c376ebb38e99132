"""Suites as people write them: combinations of lists, and one clear line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpbench.cli import main
from dpbench.comparison.suites.expansion import Expanded, Setting, expand
from dpbench.comparison.suites.store import Store
from dpbench.comparison.suites.suite import known_suites, read_suites, suite_path
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.demonstrations.generation import demonstrate
from dpbench.errors import DpbenchError
from dpbench.records.store import find, read_all

HOLD = '[[policies]]\nnames = ["hold"]\ntasks = ["Avoid-v0"]\n'
TRAIN = '[[train]]\nmethods = ["mlp-bc"]\ntasks = ["Avoid-v0"]\nset = {{ n_steps = 40 }}\nstore = "{}"\n'


@pytest.fixture(scope="module")
def demonstrations(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "avoid.zarr"
    made = demonstrate("dpbench/Avoid-v0", 0)
    EpisodeStore.create(path, step_shapes(made.arrays), {"task": "dpbench/Avoid-v0"}).append(made.arrays, 0)
    return path


def expanded(folder: Path, **files: str) -> Expanded:
    """The suite `main` of some files."""
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text)
    setting = Setting(Store(folder / "store", folder / "records"), Path("zoo"), str(folder))
    return expand(read_suites(folder / "main.toml"), setting)


def refusal(folder: Path, **files: str) -> str:
    with pytest.raises(DpbenchError) as caught:
        expanded(folder, **files)
    line = str(caught.value)
    assert line.isprintable()
    return line


def test_a_suite_is_every_combination_of_its_lists(tmp_path: Path, demonstrations: Path) -> None:
    two = "evaluations = [{ episodes = 2 }, { episodes = 2, sampler_seeds = [1, 2] }]\n"
    found = expanded(
        tmp_path,
        main='include = ["other"]\n[evaluation]\nepisodes = 3\n' + TRAIN.format(demonstrations) + "seeds = [1, 2]\n"
        'checkpoints = "last-3"\n' + two,
        other='[[policies]]\nnames = ["hold", "random"]\ntasks = ["Avoid-v0", "Avoid-v1"]\n'
        '[[zoo]]\ncheckpoints = ["Avoid-v1/*"]\n',
    )
    assert len(found.trainings) == 2
    assert len({training.key for training in found.trainings}) == 2
    assert len(found.evaluations) == 2 * 2 + 2
    assert found.n_evaluations == 2 * 3 * 2 + 2 * 2 + 2
    assert not found.failures


CHANGES = ("seeds = [7]", "threads = 2", 'preset = "paper"', 'checkpoints = "last-2"', "bf16 = true")


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_decides_a_training_names_it(tmp_path: Path, demonstrations: Path, change: str) -> None:
    text = TRAIN.format(demonstrations)
    one, same = (expanded(tmp_path, main=text).trainings[0].key for _ in range(2))
    assert one == same
    assert expanded(tmp_path, main=text + change).trainings[0].key != one
    assert expanded(tmp_path, main=text.replace("40", "41")).trainings[0].key != one


def test_other_demonstrations_are_another_training(tmp_path: Path, demonstrations: Path) -> None:
    one = expanded(tmp_path, main=TRAIN.format(demonstrations)).trainings[0].key
    made = demonstrate("dpbench/Avoid-v0", 1)
    other = tmp_path / demonstrations.name
    EpisodeStore.create(other, step_shapes(made.arrays), {"task": "dpbench/Avoid-v0"}).append(made.arrays, 1)
    assert expanded(tmp_path, main=TRAIN.format(other)).trainings[0].key != one


WRONG = {
    '[[policies]]\nnames = ["hodl"]\ntasks = ["Avoid-v0"]': "unknown baseline 'hodl'; did you mean hold?",
    '[[policies]]\nnames = ["hold"]\ntasks = ["Avoid-v77"]': "[[policies]] 1: unknown task 'Avoid-v77'",
    '[[policies]]\nnames = ["hold"]': "does not know its task",
    '[[train]]\nmethods = ["mlp"]\ntasks = ["Avoid-v0"]': "[[train]] 1: unknown baseline 'mlp'",
    '[[train]]\nmethods = ["hold"]\ntasks = ["Avoid-v0"]': "'hold' needs no training",
    '[[train]]\nmethods = ["mlp-bc"]\ntasks = ["Avoid-v0"]\nset = { widht = 3 }': "no field 'widht'",
    '[[train]]\nmethods = ["mlp-bc"]\ntasks = ["Avoid-v0"]\npreset = "huge"': "huge",
    '[[train]]\nmethods = ["mlp-bc"]\ntasks = ["Avoid-v0"]\ncheckpoints = "best"': 'train.0.checkpoints = "best"',
    '[[zoo]]\ncheckpoints = ["Avoid-v9/*"]': "has no 'Avoid-v9/*'",
    '[[zoo]]\ncheckpoints = ["Avoid-v1/bet"]\nevaluations = [{ starts = "nowhere" }]': "nowhere",
    '[[zoo]]\ncheckpoints = ["Avoid-v1/bet"]\nevaluations = [{ options = { sharpness = 3 } }]': "sharpness",
    HOLD + HOLD: "hold on dpbench/Avoid-v0 is there twice",
    '[[policies]]\nnames = ["hold", "hold"]\ntasks = ["Avoid-v0"]': "twice",
    '[[policies]]\nnames = ["hold"]\ntasks = ["Avoid-v0", "avoid-v0"]': "twice",
    HOLD + "episodes = 3": "policies.0.episodes = 3: no such field",
    "[evaluation]\nepisodes = 0\n" + HOLD: "evaluation.episodes = 0",
    "description = 3\n" + HOLD: "description = 3",
    "": "there is nothing to do",
    "[[policies": "is not valid TOML",
    'include = ["gone"]': "gone.toml: cannot be read",
}


@pytest.mark.parametrize("text", sorted(WRONG))
def test_what_is_wrong_is_one_line_that_names_the_file(text: str, tmp_path: Path) -> None:
    line = refusal(tmp_path, main=text)
    assert ".toml: " in line
    assert WRONG[text] in line


def test_suites_that_include_each_other_are_refused(tmp_path: Path) -> None:
    line = refusal(tmp_path, main='include = ["other"]', other='include = ["third"]', third='include = ["main"]')
    assert "is part of a circle" in line
    assert line.count("main.toml includes") == 1


def test_a_suite_that_is_included_twice_counts_once(tmp_path: Path) -> None:
    left_right = 'include = ["below"]\n'
    found = expanded(tmp_path, main='include = ["left", "right"]', left=left_right, right=left_right, below=HOLD)
    assert len(found.evaluations) == 1


def test_demonstrations_that_are_missing_are_a_failure_and_the_rest_goes_on(tmp_path: Path) -> None:
    found = expanded(tmp_path, main='[[train]]\nmethods = ["mlp-bc"]\ntasks = ["Avoid-v0"]\n' + HOLD)
    assert len(found.evaluations) == 1
    assert "Avoid-v0" in found.failures[0].reason


def test_an_unknown_suite_is_told_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--suite", "quikc"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "full, paper, quick" in line


@pytest.mark.parametrize("path", known_suites(), ids=lambda path: path.stem)
def test_a_shipped_suite_names_what_is_there(path: Path, tmp_path: Path) -> None:
    """The suite `paper` needs demonstrations, which are not here; without them its trainings are named all the same."""
    found = expand(read_suites(path), Setting(Store(tmp_path, tmp_path), Path("zoo"), str(tmp_path)))
    assert [failure for failure in found.failures if "dpbench data" not in failure.reason] == []


@pytest.mark.parametrize("name", ["quick", "full"])
def test_every_cell_of_the_shipped_suites_of_the_zoo_has_a_record(name: str, tmp_path: Path) -> None:
    records = Path("leaderboards/records")
    found = expand(read_suites(suite_path(name)), Setting(Store(tmp_path, records), Path("zoo")))
    known = {record.identity for record in read_all(records)}
    assert {one.key for one in found.evaluations} <= known
    assert find(records, found.evaluations[0].key) is not None
