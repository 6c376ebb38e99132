"""What a plug-in does when it is imported: nothing of it ends a command, and who needs only our names imports none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from dpbench.cli import main
from dpbench.errors import PluginError, UnknownNameError
from dpbench.plugins import importing
from dpbench.registry import registry
from dpbench.tasks import find_task, load_task, missing_extra, register_envs

from .strangers import GROUPS, Strangers

BAD_IMPORTS = {
    "exit": ("import sys; sys.exit(0)", "SystemExit: 0 (bad.py, line 1)"),
    "quit": ("raise SystemExit('bye')", "SystemExit: bye"),
    "base exception": ("class Odd(BaseException): ...\nraise Odd('hm')", "Odd: hm (bad.py, line 2)"),
    "generator exit": ("raise GeneratorExit", "GeneratorExit"),
    "error": ("raise RuntimeError('its simulator is missing')", "RuntimeError: its simulator is missing"),
    "many lines": ("raise RuntimeError('one\\ntwo\\x1b[31m\\r' + 'x' * 100_000)", "RuntimeError: one two [31m xxx"),
    "no message": ("class Odd(Exception):\n def __str__(self): raise ValueError\nraise Odd", "cannot be read"),
    "syntax": ("TABLE = {", "SyntaxError: '{' was never closed"),
    "nul": ("TABLE = {}\x00", "null bytes"),
    "missing module": ("import no_such_module", "No module named 'no_such_module'"),
    "no table": ("OTHER = {}", "has no attribute 'TABLE'"),
    "list": ("TABLE = ['a']", "it names a list, expected a table {name: target}"),
    "none": ("TABLE = None", "it names a NoneType"),
    "text": ("TABLE = 'mlp-bc'", "it names a str"),
    "class": ("class TABLE: ...", "it names a type"),
    "bad mapping": (
        "from collections import UserDict\nclass Bad(UserDict):\n def keys(self): raise KeyError('k')\n"
        " __iter__ = keys\nTABLE = Bad(a='b')",
        "KeyError: 'k'",
    ),
    "recursion": ("def f(): f()\nf()", "RecursionError"),
    "memory": ("raise MemoryError", "MemoryError"),
    "imports us": (
        "from dpbench.registry import registry\nregistry('task').names()\nraise ValueError('x')",
        "ValueError: x",
    ),
}
"""Code of the module `bad`, and what the line says."""


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "dpbench.registry"]


@pytest.mark.parametrize("name", BAD_IMPORTS)
def test_a_plug_in_that_cannot_be_imported_is_named_in_a_line(
    name: str, strangers: Strangers, caplog: pytest.LogCaptureFixture
) -> None:
    code, said = BAD_IMPORTS[name]
    ours = registry("baseline").names()
    registry.cache_clear()
    strangers.add("bad", code, "baselines")
    strangers.add("good", "TABLE = {'theirs': 'good:POLICY'}\nPOLICY = 42", "baselines")
    assert registry("baseline").names() == tuple(sorted((*ours, "theirs")))
    (line,) = lines(caplog)
    assert line.startswith("note: baseline plug-in bad (bad:TABLE) cannot be imported: ")
    assert said in line
    assert line.isprintable()
    assert len(line) < 500
    assert registry("baseline").load("theirs") == 42
    with pytest.raises(UnknownNameError, match="plug-in bad"):
        registry("baseline").load("their")


BAD_ENTRY_POINTS = {
    "no value": ("[dpbench.tasks]\nnonsense\n", "the entry_points.txt of bad cannot be read"),
    "no module": ("[dpbench.tasks]\nbad = not a module\n", "'not a module': expected module:TABLE"),
    "no attribute": ("[dpbench.tasks]\nbad = bad\n", "'bad': expected module:TABLE"),
    "empty": ("[dpbench.tasks]\nbad =\n", "'': expected module:TABLE"),
    "path": ("[dpbench.tasks]\nbad = ../bad:TABLE\n", "expected module:TABLE"),
    "long": (f"[dpbench.tasks]\nbad = {'x' * 10_000}\n", "expected module:TABLE"),
}


@pytest.mark.parametrize("name", BAD_ENTRY_POINTS)
def test_entry_points_that_cannot_be_read_are_named_in_a_line(
    name: str, strangers: Strangers, caplog: pytest.LogCaptureFixture
) -> None:
    points, said = BAD_ENTRY_POINTS[name]
    strangers.add("bad", "", points=points)
    assert "dpbench/PushT-v0" in registry("task").names()
    (line,) = lines(caplog)
    assert said in line
    assert line.isprintable()
    assert len(line) < 500


TOO_MANY = {
    "table": ("TABLE = {f'their-{i}': 'bad:X' for i in range(100_000)}", None, "has more than 1,000 names"),
    "endless": (
        "import itertools\nfrom collections import UserDict\nclass Bad(UserDict):\n"
        " def __iter__(self): return map(str, itertools.count())\n def __getitem__(self, name): return 'bad:X'\n"
        "TABLE = Bad()",
        None,
        "has more than 1,000 names",
    ),
    "tables": (
        "A, B = ({f'{part}-{i}': 'bad:X' for i in range(501)} for part in 'ab')",
        "[dpbench.baselines]\n" + "".join(f"{i} = bad:{'AB'[i > 0]}\n" for i in range(9)),
        "(bad:B) has more than 1,000 names",
    ),
    "entry points": (
        "TABLE = {}",
        "[dpbench.baselines]\n" + "".join(f"{i} = bad:TABLE\n" for i in range(100_000)),
        "bad has 100,000 entry points in dpbench.baselines, expected 100 at most.",
    ),
}


@pytest.mark.parametrize("name", TOO_MANY)
def test_a_plug_in_with_too_many_names_is_refused_in_a_line(
    name: str, strangers: Strangers, caplog: pytest.LogCaptureFixture
) -> None:
    code, points, said = TOO_MANY[name]
    ours = set(registry("baseline").own)
    strangers.add("bad", code, "baselines", points=points)
    theirs = set(registry("baseline").names()) - ours
    assert len(theirs) == (501 if name == "tables" else 0)
    assert said in lines(caplog)[-1]
    assert len(lines(caplog)) == 1, lines(caplog)


def test_metadata_that_is_not_text_or_not_there_is_passed_over(strangers: Strangers) -> None:
    strangers.add("bad", "", points="")
    (strangers.folder / "bad-0.1.dist-info/entry_points.txt").write_bytes(b"\xff[dpbench.tasks]")
    strangers.add("nameless", "TABLE = {}", "tasks")
    (strangers.folder / "nameless-0.1.dist-info/METADATA").unlink()
    assert "dpbench/PushT-v0" in registry("task").names()


ALL_GROUPS = "raise AssertionError('imported')"


def test_what_needs_only_our_names_imports_no_plug_in(
    strangers: Strangers, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers.add("bad", ALL_GROUPS, *GROUPS)
    register_envs()
    gym.make("dpbench/PushT-v0").close()
    for name in ("pusht", "PushT-v0", "dpbench/PushT-v0"):
        assert find_task(name) == "dpbench/PushT-v0"
    for kind, name in (("baseline", "mlp-bc"), ("format", "bet-npy"), ("policy_source", "checkpoint")):
        assert registry(kind).load(name) is not None
    for kind, name in (("arm_driver", "sim"), ("camera", "sim")):
        assert name in registry(kind)
    zoo = Path(__file__).parents[2] / "zoo"
    compare = ["compare", "--zoo", str(zoo), "--records", str(zoo.parent / "leaderboards/records")]
    for command in (
        ["evaluate", "hold", "--task", "pusht", "--episodes", "1", "--workers", "1", "--json"],
        ["evaluate", str(zoo / "PushTKeypoints-v0/mlp-bc"), "--episodes", "1", "--workers", "1", "--json"],
        ["baselines", "show", "mlp-bc"],
        [*compare, "--policies", "mlp-bc,hold", "--tasks", "pushtkeypoints", "--json"],
    ):
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out)
    assert strangers.imported() == set()
    assert lines(caplog) == []
    assert main(["tasks", "--json"]) == 0, "a list needs all names"
    assert len(lines(caplog)) == 1


def test_nobody_can_catch_a_plug_in_that_ends_the_process_and_our_names_do_not_meet_it(strangers: Strangers) -> None:
    strangers.add("bad", "import os; os._exit(9)", *GROUPS)
    code = (
        "import sys, dpbench, gymnasium\nfrom dpbench.registry import registry\n"
        "gymnasium.make('dpbench/PushT-v0'); registry('baseline').entry('mlp-bc'); print('done', flush=True)\n"
        "registry('baseline').names()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(strangers.folder)}, capture_output=True,
        text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("done\n", 9)


def test_an_import_that_takes_long_is_named_meanwhile(
    strangers: Strangers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "SLOW_S", 0.05)
    code = (
        "import time\nfrom dpbench.registry import LOG\ntime.sleep(0.3)\n"
        "LOG.warning('note: the import ends')\nTABLE = {}"
    )
    strangers.add("slow", code, "formats")
    assert "bet-npy" in registry("format").names()
    first, last = lines(caplog)
    assert first.startswith("note: format plug-in slow (slow:TABLE) is still being imported after 0.05 s; Ctrl-C")
    assert last == "note: the import ends"


def test_ctrl_c_names_the_plug_in_and_passes(strangers: Strangers, caplog: pytest.LogCaptureFixture) -> None:
    strangers.add("bad", "raise KeyboardInterrupt", "cameras")
    with pytest.raises(KeyboardInterrupt):
        registry("camera").names()
    assert lines(caplog) == ["note: interrupted while camera plug-in bad (bad:TABLE) was being imported."]


def test_what_a_plug_in_prints_goes_to_stderr(strangers: Strangers, capsys: pytest.CaptureFixture[str]) -> None:
    strangers.add("loud", "print('hello')\nTABLE = {'theirs': 'loud_too:X'}", "baselines")
    strangers.add("loud_too", "print('again')\nX = 1", points="")
    assert registry("baseline").load("theirs") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["hello", "again"]


CHANGES = {
    "torch's default type": "import torch; torch.set_default_dtype(torch.float64)",
    "torch's gradients": "import torch; torch.set_grad_enabled(False)",
    "torch's default device": "import torch; torch.set_default_device('meta')",
    "torch's number of threads": "import torch; torch.set_num_threads(7)",
    "torch's precision of products": "import torch; torch.set_float32_matmul_precision('medium')",
    "numpy's handling of errors": "import numpy; numpy.seterr(all='raise')",
    "the working folder": "import os; os.chdir('/')",
}


@pytest.mark.parametrize("name", CHANGES)
def test_settings_that_an_import_changes_are_set_back(
    name: str, strangers: Strangers, caplog: pytest.LogCaptureFixture
) -> None:
    def settings() -> tuple[object, ...]:
        return (
            torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_default_device(), torch.get_num_threads(),
            torch.get_float32_matmul_precision(), np.geterr(), os.getcwd(),
        )  # fmt: skip

    before = settings()
    strangers.add("bad", f"{CHANGES[name]}\nTABLE = {{}}", "baselines")
    assert "mlp-bc" in registry("baseline").names()
    assert settings() == before
    (line,) = lines(caplog)
    assert line == f"note: baseline plug-in bad (bad:TABLE) changed {name} when it was imported; it was set back."


PROCESS_CHANGES = {
    "the timer ITIMER_REAL": "signal.alarm(60)",
    "the timer ITIMER_VIRTUAL": "signal.setitimer(signal.ITIMER_VIRTUAL, 60)",
    "the handler of SIGINT": "signal.signal(signal.SIGINT, signal.SIG_IGN)",
    "the handler of SIGTERM": "signal.signal(signal.SIGTERM, lambda *_: None)",
    "the handler of SIGALRM": "signal.signal(signal.SIGALRM, signal.SIG_IGN)",
    "the handler of SIGPIPE": "signal.signal(signal.SIGPIPE, signal.SIG_DFL)",
    "sys.stdout": "sys.stdout = io.StringIO()",
    "sys.stderr": "sys.stderr = None",
    "sys.__stdout__": "sys.__stdout__.close()",
    "sys.__stderr__": "sys.__stderr__ = io.StringIO()",
    "the descriptor 1": "os.close(1)",
    "the descriptor 2": "os.dup2(os.open(os.devnull, os.O_WRONLY), 2)",
}
CLOSED = {
    "print stream": "sys.stdout.close()",  # sys.stderr, to which an import prints
    "errors": "sys.stderr.close()",
    "detached": "sys.__stdout__.detach()",
    "both": "sys.__stdout__.close(); sys.__stderr__.close()",
    "descriptors": "os.close(1); os.close(2)",
    "all, and an error": "sys.stderr.close(); sys.__stdout__.close(); os.closerange(1, 3); raise ValueError('x')",
}


def test_signals_and_streams_that_an_import_changes_are_set_back_and_a_closed_one_ends_nothing() -> None:
    code = (
        "import json, os, signal, sys\nfrom dpbench.errors import PluginError\n"
        "from dpbench.plugins.importing import guarded\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # in the background, shells ignore it
        "def state(): return [signal.getsignal(each) for each in (2, 13, 14, 15)] + [signal.getitimer(each)[0] for each"
        " in (0, 1, 2)] + [os.readlink(f'/proc/self/fd/{each}') for each in (1, 2)]\n"
        "before, said = state(), {}\nfor name, line in json.loads(sys.argv[1]).items():\n"
        "    try:\n        with guarded(name, said.setdefault(name, []).append): exec('import io\\n' + line)\n"
        "    except PluginError as error: said[name].append(str(error))\n"
        "    assert state() == before, name\n    print(name)\n    print(name, file=sys.stderr)\n"
        "    print(name, file=sys.__stdout__)\nprint(json.dumps(said))"
    )
    attacks = {**PROCESS_CHANGES, **CLOSED}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(attacks)], capture_output=True, text=True, timeout=120, check=False
    )
    *printed, last = done.stdout.splitlines()
    assert (done.returncode, done.stderr.splitlines()) == (0, list(attacks))
    assert printed.count("both") == 2
    assert sorted(printed) == sorted([*attacks, *attacks])
    said = json.loads(last)
    for name in PROCESS_CHANGES:
        assert f"{name} changed {name} when it was imported; it was set back." in said[name]
    assert said["all, and an error"][-1].endswith("cannot be imported: ValueError: x (<string>, line 2)")
    assert all(said.values()), "each is named"


TASKS = """
from dpbench.tasks import TaskEntry
def entry(spec, env="bad_env:Env"): return TaskEntry(spec, env, None, 10)
TABLE = {"bad/Exit-v0": entry("bad_spec:EXIT"), "bad/Other-v0": entry("bad:OTHER"), "bad/Text-v0": entry("bad:TABLE"),
         "bad/Env-v0": entry("bad:ENV", "bad_env:Env")}
OTHER = 42
"""


def test_a_bad_task_is_left_out_of_the_list(
    strangers: Strangers, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers.add("bad", TASKS, "tasks")
    strangers.add("bad_spec", "raise SystemExit(0)", points="")
    strangers.add("bad_env", "1 / 0", points="")
    assert main(["tasks", "--json"]) == 0
    assert {row["from"] for row in json.loads(capsys.readouterr().out)} == {"dpbench"}
    said = lines(caplog)
    assert len(said) == 4
    assert "note: task 'bad/Exit-v0' of the plug-in bad cannot be imported: SystemExit: 0" in said[1]
    assert "bad:OTHER is not the TaskSpec of bad/Other-v0" in said[2]
    assert main(["evaluate", "hold", "--task", "bad/other"]) == 2
    assert "bad:OTHER is not the TaskSpec of bad/Other-v0" in capsys.readouterr().err
    assert "task 'bad/Env-v0' of the plug-in bad cannot be imported: ZeroDivisionError" in str(
        missing_extra("bad/Env-v0")
    )
    with pytest.raises(PluginError):
        load_task("bad/exit")


BASELINES = """
from dpbench.baseline import Baseline, ScriptedPolicy, Preset, TrainingConfig
TABLE = {"number": "bad:NUMBER", "missing": "bad:MISSING", "absent": "absent_module:X", "no-presets": "bad:EMPTY",
         "no-fit": "bad:NO_FIT", "markup": "bad:MARKUP", "good": "bad:GOOD"}
NUMBER = 42
EMPTY = Baseline("no-presets", "paper", {}, None)
def fits(task): raise KeyError("fits")
NO_FIT = ScriptedPolicy("no-fit", None, None, fits)
MARKUP = ScriptedPolicy("markup", "[/red] a\\n b \\x1b[31m", None, lambda task: False)
GOOD = ScriptedPolicy("good", "a paper", None, lambda task: False)
"""


def test_a_bad_baseline_is_left_out_of_the_list(
    strangers: Strangers, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    strangers.add("bad", BASELINES, "baselines")
    assert main(["baselines", "--json"]) == 0
    theirs = {row["name"] for row in json.loads(capsys.readouterr().out) if row["from"] == "bad"}
    assert theirs == {"no-fit", "markup", "good"}
    assert [line.split("'")[1] for line in lines(caplog)] == ["absent", "missing", "number", "no-presets"]
    assert main(["baselines"]) == 0
    assert "[/red] a\\n b" in capsys.readouterr().out
    assert main(["baselines", "show", "no-presets"]) == 2
    assert "baseline 'no-presets' of the plug-in bad fails: StopIteration" in capsys.readouterr().err
    caplog.clear()
    zoo = Path(__file__).parents[2] / "zoo"
    records = zoo.parent / "leaderboards/records"
    command = ["compare", "--zoo", str(zoo), "--records", str(records), "--json"]
    assert main([*command, "--tasks", "pushtkeypoints", "--policies", "mlp-bc,no-fit"]) == 2
    assert lines(caplog) == ["note: baseline 'no-fit' of the plug-in bad fails: KeyError: 'fits' (bad.py, line 7)"]


def test_the_kinds_of_attack_are_counted() -> None:
    counts = {"imports": len(BAD_IMPORTS), "entry points": len(BAD_ENTRY_POINTS), "settings": len(CHANGES)}
    print(counts)
    assert sum(counts.values()) >= 30
