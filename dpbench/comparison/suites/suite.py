"""A suite as people write it: a TOML file of checkpoints, policies and trainings, and how they are evaluated.

    description = "two methods, trained three times each, beside a script"

    [evaluation]                    # of every entry that does not say otherwise
    episodes = 50

    [[train]]
    methods = ["mine", "other"]
    tasks = ["MyTask-v0"]
    seeds = [42, 43, 44]
    set = { n_steps = 2000 }
    evaluations = [{ sampler_seeds = [0, 1] }, { options = { temperature = "0.5" } }]

    [[policies]]
    names = ["hold"]
    tasks = ["MyTask-v0"]

    [[zoo]]
    checkpoints = ["MyTask-v0/*"]

    [[until_decided]]               # after all others: two policies, until one is better
    first = "zoo/MyTask-v0/mine"
    second = "zoo/MyTask-v0/other"
    episodes = 400

Each entry stands for all combinations of its lists. `include` names other suites, relative to the file.
"""

from __future__ import annotations

from dataclasses import field, replace
from pathlib import Path
from typing import Annotated

from pydantic import ConfigDict, Field, JsonValue
from pydantic.dataclasses import dataclass

from dpbench.errors import ConfigError, UnknownNameError
from dpbench.files.reading import Kind, Name, as_type, is_plain_name, read_toml

SUITES = Path("leaderboards/suites")
"""Folder of the suites that are chosen by name."""
SUITE = Kind(ConfigError, "put the suite right and run the same command again", limit_bytes=2**20)
CLOSED = ConfigDict(extra="forbid", strict=True)
Number = Annotated[int, Field(ge=0, lt=2**63)]
Names = Annotated[tuple[Name, ...], Field(min_length=1, max_length=1000)]


@dataclass(frozen=True, config=CLOSED)
class Evaluation:
    """How a policy is evaluated; what is None is the suite's, or else the task's own.

    Attributes:
        starts: name of the start protocol.
        episodes: number of start states.
        sampler_seeds: each start state is run once with each.
        options: inference-time choices of the policy.
        device: torch device.
        real_time: evaluate in real time, too, with the policy's measured latency in the loop.
    """

    starts: Name | None = None
    episodes: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    sampler_seeds: Annotated[tuple[Number, ...], Field(min_length=1)] | None = None
    options: dict[str, str | int | float | bool] | None = None
    device: Name | None = None
    real_time: bool | None = None

    def over(self, default: Evaluation) -> Evaluation:
        """This one, with what it leaves open from another."""
        return replace(default, **{key: value for key, value in vars(self).items() if value is not None})


Evaluations = Annotated[tuple[Evaluation, ...], Field(min_length=1)]


@dataclass(frozen=True, config=CLOSED)
class ZooPart:
    """Checkpoints of the zoo.

    Attributes:
        checkpoints: folders below the zoo; `*` stands for any part of a name.
        evaluations: each checkpoint is evaluated in each of these ways.
    """

    checkpoints: Names
    evaluations: Evaluations = (Evaluation(),)


@dataclass(frozen=True, config=CLOSED)
class PolicyPart:
    """Policies as `dpbench evaluate` takes them.

    Attributes:
        names: scripted policies, checkpoint folders, or `SOURCE:REFERENCE`.
        tasks: in which each acts; none for policies that know their own.
        evaluations: as in `ZooPart`.
    """

    names: Names
    tasks: tuple[Name, ...] = ()
    evaluations: Evaluations = (Evaluation(),)


@dataclass(frozen=True, config=CLOSED)
class TrainingPart:
    """Methods that the suite trains before it evaluates them.

    Attributes:
        methods: registry names.
        tasks: each method is trained on each.
        preset: of the methods.
        seeds: training seeds.
        set: fields of the preset that are set by hand.
        store: demonstrations to train on instead of the task's own.
        device: torch device of the training.
        threads: CPU threads of the training.
        bf16: mixed precision.
        compile: compiled networks.
        checkpoints: `last`, or `last-10`: so many checkpoints at the end of the run are each evaluated.
        checkpoint_every: steps between those; by default a hundredth of the run.
        evaluations: as in `ZooPart`.
    """

    methods: Names
    tasks: Names
    preset: Name = "small"
    seeds: Annotated[tuple[Number, ...], Field(min_length=1)] = (42,)
    set: dict[str, JsonValue] = field(default_factory=dict)
    store: Name | None = None
    device: Name = "cpu"
    threads: Annotated[int, Field(ge=1, le=1024)] = 1
    bf16: bool = False
    compile: bool = False
    checkpoints: Annotated[str, Field(pattern="^last(-[1-9][0-9]{0,2})?$")] = "last"
    checkpoint_every: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    evaluations: Evaluations = (Evaluation(),)

    @property
    def n_kept(self) -> int:
        """Checkpoints at the end of the run that are kept; 0 for the last alone."""
        return int(self.checkpoints.removeprefix("last").removeprefix("-") or 0)


@dataclass(frozen=True, config=CLOSED)
class PairPart:
    """Two policies that are run on the same starts until one is better (`dpbench.comparison.until_decided`).

    Attributes:
        first: a policy, as in `PolicyPart`.
        second: another one.
        task: in which they act; None for policies that know their own.
        starts: name of the start protocol, None for the task's first.
        episodes: the most starts that are run.
        batch: starts between two looks.
        device: torch device.
    """

    first: Name
    second: Name
    task: Name | None = None
    starts: Name | None = None
    episodes: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    batch: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    device: Name = "cpu"


@dataclass(frozen=True, config=CLOSED)
class Suite:
    """The content of one file.

    Attributes:
        description: for people, in one line.
        include: other suites.
        evaluation: of entries that do not say otherwise.
        zoo: checkpoints of the zoo.
        policies: other policies.
        train: what is trained first.
        until_decided: pairs that are run after all others.
    """

    description: Annotated[str, Field(max_length=300)] = ""
    include: tuple[Name, ...] = ()
    evaluation: Evaluation = Evaluation()
    zoo: tuple[ZooPart, ...] = ()
    policies: tuple[PolicyPart, ...] = ()
    train: tuple[TrainingPart, ...] = ()
    until_decided: tuple[PairPart, ...] = ()


def suite_path(text: str) -> Path:
    """The file of a suite from what the user typed: a name, or a path.

    Raises:
        UnknownNameError: for a name that no suite has.
    """
    if text.endswith(".toml") or not is_plain_name(text):
        return Path(text)
    path = SUITES / f"{text}.toml"
    if not path.exists():
        known = ", ".join(found.stem for found in known_suites()) or "none"
        raise UnknownNameError(
            f"unknown suite {text!r}; {SUITES} has {known}. Name one of them, or a file that ends in .toml."
        )
    return path


def known_suites() -> tuple[Path, ...]:
    """The suites that can be chosen by name."""
    return tuple(sorted(SUITES.glob("*.toml")))


def read_suite(path: Path) -> Suite:
    """One file, without what it includes.

    Raises:
        ConfigError: in one line that names file, field and value.
    """
    suite: Suite = as_type(read_toml(path, SUITE), Suite, path, SUITE)
    if not (suite.zoo or suite.policies or suite.train or suite.until_decided or suite.include):
        raise SUITE.wrong(
            path, "has no [[zoo]], [[policies]], [[train]], [[until_decided]] and no include: there is nothing to do"
        )
    return suite


def read_suites(path: Path) -> dict[Path, Suite]:
    """A suite and all that it includes, each once, included ones first.

    Raises:
        ConfigError: as `read_suite`, and for suites that include each other.
    """
    found: dict[Path, Suite] = {}
    _read_into(found, path, ())
    return found


def _read_into(found: dict[Path, Suite], path: Path, above: tuple[Path, ...]) -> None:
    resolved = [one.resolve() for one in above]
    if path.resolve() in resolved:
        circle = " includes ".join(str(one) for one in (*above[resolved.index(path.resolve()) :], path))
        raise SUITE.wrong(path, f"is part of a circle: {circle}")
    if path.resolve() in {known.resolve() for known in found}:
        return
    suite = read_suite(path)
    for name in suite.include:
        _read_into(found, path.parent / (name if name.endswith(".toml") else f"{name}.toml"), (*above, path))
    found[path] = suite
