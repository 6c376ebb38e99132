"""Which names a plug-in can add: never one of ours, never one of another's, and only plain words."""

from __future__ import annotations

import random
import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import gymnasium as gym
import pytest

from dpbench.errors import NameTakenError, TaskError, UnknownNameError
from dpbench.plugins.names import PLAIN, TASK, TaskEntry, is_name, is_target, misfit
from dpbench.registry import build, registry
from dpbench.tasks import find_task, load_task

from .strangers import Strangers
from .test_imports import lines

NOT_PLAIN = [
    "", " ", ".", "..", "-x", "_x", ".x", "x.", "x-", "a b", "a/b", "a\\b", "../x", "/x", "C:x", "a:b", "a\nb", "a\n",
    "a\t", "a\0b", "[red]x", "<b>x", "a|b", "a*", "a?", "a%20b", "$x", "`x`", "'x'", '"x"', "a;b", "a&b",
    "mlp\u2013bc", "mlp-b\u0441", "\u00e9", "\uff11", "\u202exyz", "\x1b[31m",
    "x" * 81, "x" * 10_000, "a" * 40 + "-" * 41, "-" * 50, "a-" * 40,
]  # fmt: skip
NO_TEXT = [None, 3, 3.5, b"x", ("x",), frozenset(), True, object]
BAD_TARGETS = [
    None, 5, "", "x", "x:", ":y", "x:y:z", "x y:z", "../x:y", "x:y\n", "x:y.z", "1x:y", ["x:y"], "x" * 500 + ":y",
    "x:y()", object,
]  # fmt: skip
ENTRY = TaskEntry("theirs:SPEC", "theirs:Env", None, 10)


@pytest.mark.parametrize("name", [*NOT_PLAIN, *NO_TEXT], ids=ascii)
def test_a_name_that_is_no_plain_word_is_refused(name: object) -> None:
    task_id = f"theirs/{name}" if isinstance(name, str) else name
    for why in (misfit("baseline", name, "x:y"), misfit("task", task_id, ENTRY)):
        assert why is not None
        assert why.isprintable()
        assert len(why) < 250


@pytest.mark.parametrize("name", ["x", "my-policy", "my_policy.2", "A1", "ur-rtde", "x" * 80])
def test_a_plain_word_is_taken(name: str) -> None:
    assert misfit("baseline", name, "x.y:z") is None
    assert misfit("task", f"pack/{name}"[:80], ENTRY) is None


@pytest.mark.parametrize("target", BAD_TARGETS, ids=ascii)
def test_a_target_that_names_no_attribute_of_a_module_is_refused(target: object) -> None:
    for kind, name in (("baseline", "x"), ("task", "theirs/X-v0")):
        why = misfit(kind, name, target)
        assert why is not None
        assert why.isprintable()
        assert len(why) < 250


@pytest.mark.parametrize(
    "change",
    [
        {"spec": None}, {"env": "x"}, {"env": 5}, {"vector_env": 0}, {"vector_env": ""}, {"max_episode_steps": 0},
        {"max_episode_steps": "x"}, {"max_episode_steps": True}, {"max_episode_steps": 2.5}, {"kwargs": [1]},
        {"default_for": "simulated arm"}, {"default_for": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_row_of_a_task_table_is_checked_where_it_is_made(change: dict[str, object]) -> None:
    with pytest.raises(TaskError, match=r"TaskEntry: .*expected"):
        TaskEntry(**{**vars(ENTRY), **change})  # type: ignore[arg-type]


N_TABLES = 1200


def test_tables_of_anything_never_move_our_names() -> None:
    """Random tables of plain and odd names and targets: ours stay, what is taken is plain, and lines are short."""
    ours = {"mlp-bc": "ours:MLP", "act": "ours:ACT"}
    plain = ["mlp-bc", "MLP-BC", "Act", *(f"{letter}{digit}" for letter in "abAB" for digit in range(6))]
    names, targets = [[*NOT_PLAIN, *NO_TEXT], plain], [BAD_TARGETS, ["theirs:X", "theirs:Y", "a.b:c"]]
    module = ModuleType("fuzzed_tables")
    sys.modules[module.__name__] = module
    draw = random.Random(0)
    counts = {"tables": 0, "taken": 0, "claimed": 0, "refused": 0}
    try:
        for _ in range(N_TABLES):
            points = []
            for number in range(draw.randint(1, 4)):
                table: object = {
                    draw.choice(draw.choice(names)): draw.choice(draw.choice(targets))
                    for _ in range(draw.randint(0, 12))
                }
                setattr(module, f"T{number}", draw.choice([table, table, table, table, [], None, 3, "x"]))
                points.append((f"d{number}", EntryPoint(f"d{number}", f"fuzzed_tables:T{number}", "g")))
            module.OURS = ours  # type: ignore[attr-defined]
            found = build("baseline", [EntryPoint("dpbench", "fuzzed_tables:OURS", "g")], lambda: (points, ()))  # noqa: B023
            assert {name: found.entry(name).target for name in ours} == ours
            assert found.entry("act").is_own
            others = found.others
            assert all(is_name("baseline", name) and is_target(row.target) for name, row in others.entries.items())
            assert not {name.casefold() for name in others.entries} & set(ours)
            assert not set(others.entries) & set(others.claimed)
            assert all(line.isprintable() and len(line) < 500 for line in others.problems)
            assert len(others.problems) <= 4 * (len(points) + 1) + len(others.claimed)
            counts["tables"] += len(points)
            counts["taken"] += len(others.entries)
            counts["claimed"] += len(others.claimed)
            counts["refused"] += len(others.problems)
    finally:
        del sys.modules[module.__name__]
    print(counts)
    assert counts["tables"] > 2 * N_TABLES
    assert min(counts.values()) > 200


def test_names_are_words_for_any_text() -> None:
    draw = random.Random(1)
    letters = "aZ09._-/\\: \n\t\0[<\u00e9\uff11\u202e"
    taken = 0
    for _ in range(5000):
        text = "".join(draw.choices(letters, k=draw.randint(0, 12)))
        for kind, pattern, parts in (("baseline", PLAIN, 1), ("task", TASK, 2)):
            if is_name(kind, text):
                taken += 1
                assert pattern.fullmatch(text)
                assert len(text.split("/")) == parts
                assert text.isascii()
                assert all(part[0].isalnum() and part[-1].isalnum() for part in text.split("/"))
    print({"texts": 5000, "taken": taken})
    assert taken > 100


def test_our_names_stay_ours_and_the_plug_in_is_named(strangers: Strangers, caplog: pytest.LogCaptureFixture) -> None:
    strangers.add("bad", "TABLE = {'mlp-bc': 'bad:X', 'MLP-BC': 'bad:X', 'other': 'bad:X'}\nX = 1", "baselines")
    found = registry("baseline")
    assert found.load("mlp-bc") is not found.load("other")
    assert [name for name in found.names() if name.lower() == "mlp-bc"] == ["mlp-bc"]
    assert lines(caplog) == [
        f"note: baseline plug-in bad (bad:TABLE): {name!r} is a name of dpbench, which keeps it; rename it there."
        for name in ("mlp-bc", "MLP-BC")
    ]


ROWS = """
from dpbench.tasks import TaskEntry
row = TaskEntry("rows:SPEC", "rows:Env", None, 10)
OURS = "dpbench/PushT-v0", "dpbench/PushT-v9", "DPBench/Fold-v0", "PushT-v0"
TABLE = dict.fromkeys((*OURS, "rows/PushT-v3", "rows/Lift", "rows/Fold-v0"), row)
"""


def test_our_tasks_stay_ours_in_every_form_of_their_ids(strangers: Strangers, caplog: pytest.LogCaptureFixture) -> None:
    strangers.add("rows", ROWS, "tasks")
    assert set(registry("task").names()) - set(registry("task").own) == {"rows/PushT-v3", "rows/Lift", "rows/Fold-v0"}
    for text, task_id in (
        ("pusht", "dpbench/PushT-v0"), ("PushT-v0", "dpbench/PushT-v0"), ("lift", "dpbench/Lift-v0"),
        ("rows/lift", "rows/Lift"), ("rows/pusht", "rows/PushT-v3"), ("fold", "rows/Fold-v0"),
    ):  # fmt: skip
        assert find_task(text) == task_id
    assert len(lines(caplog)) == 4
    assert sum("kept for tasks of dpbench" in line for line in lines(caplog)) == 3
    assert gym.spec("rows/Fold-v0").entry_point == "rows:Env", "registered when it was asked for"
    assert gym.spec("dpbench/PushT-v0").entry_point == registry("task").own["dpbench/PushT-v0"].target.env  # type: ignore[attr-defined]


def test_a_task_whose_id_another_environment_has_is_refused(strangers: Strangers) -> None:
    strangers.add("rows", ROWS, "tasks")
    gym.register(id="rows/Fold-v0", entry_point="elsewhere:Env")
    with pytest.raises(TaskError, match="task 'rows/Fold-v0' of the plug-in rows: Gymnasium knows another"):
        load_task("fold")


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_a_name_that_two_claim_belongs_to_neither(
    order: tuple[str, str], strangers: Strangers, caplog: pytest.LogCaptureFixture
) -> None:
    for name in order:
        strangers.add(name, f"TABLE = {{'shared': '{name}:X', 'of-{name}': '{name}:X'}}\nX = 1", "formats")
    found = registry("format")
    assert {"of-one", "of-two"} < set(found.names())
    assert "shared" not in found
    (line,) = lines(caplog)
    assert "format 'shared' is claimed by" in line
    assert "neither gets it: uninstall one, or rename it there." in line
    with pytest.raises(NameTakenError, match=r"'shared' is claimed by (one and two|two and one): uninstall one"):
        found.load("shared")


def test_a_distribution_that_calls_itself_dpbench_changes_nothing(strangers: Strangers) -> None:
    ours = registry("baseline").own
    registry.cache_clear()
    strangers.add("dpbench-0", "TABLE = {'mlp-bc': 'x:y', 'theirs': 'x:y'}", "baselines")
    info = strangers.folder / "dpbench-0-0.1.dist-info"
    (info / "entry_points.txt").write_text("[dpbench.baselines]\ndpbench = impostor:TABLE\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dpbench\nVersion: 9\n")
    info.rename(strangers.folder / "dpbench-9.dist-info")
    (strangers.folder / "impostor.py").write_text("TABLE = {'mlp-bc': 'x:y', 'theirs': 'x:y'}")
    strangers.modules.add("impostor")
    assert registry("baseline").own == ours
    assert registry("baseline").entry("theirs").distribution == "another dpbench"


def test_a_wrong_name_is_unknown_and_the_nearest_of_a_plug_in_is_suggested(strangers: Strangers) -> None:
    strangers.add("good", "TABLE = {'their-policy': 'good:X'}", "baselines")
    with pytest.raises(UnknownNameError, match="did you mean their-policy"):
        registry("baseline").entry("their-polcy")
