"""The arrows, the sizes and the names of the architecture, read from the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from dpbench.policies.baseline import Baseline
from dpbench.registry import registry

ROOT = Path(__file__).parents[1]
CORE, ENVS, BASELINES = ROOT / "dpbench", ROOT / "envs", ROOT / "baselines"
SOURCES = sorted(path for folder in (CORE, ENVS, BASELINES) for path in folder.rglob("*.py"))
MAX_FILE, MAX_LONG_FILE, MAX_FUNCTION = 300, 450, 45
LAYERS: tuple[tuple[str, ...], ...] = (  # parts of the core, from the ground up; a part imports from lower rows only
    ("errors", "escaping"),
    ("fields", "files", "findings", "numbers", "plugins", "provenance", "rotations"),
    ("processes", "starts", "states", "yardsticks"),
    ("registry",),
    ("mujoco_states", "spec"),
    ("spaces",),
    ("tasks",),
    ("data", "nets"),
    ("policies",),
    ("metrics",),
    ("records",),
    ("training", "evaluation", "arms"),
    ("demonstrations",),
    ("comparison", "checks"),
    ("leaderboard",),
    ("cli",),
)
FACADES = {"baseline"}
"""Modules that only name what plug-ins import; the core itself does not use them."""
LEVEL = {part: level for level, row in enumerate(LAYERS) for part in row}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every imported module with its level (0 for absolute)."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_the_core_imports_no_task_and_no_method(path: Path) -> None:
    for module, level in imports(path):
        assert level == 0, f"{path} imports relatively: the core imports absolutely"
        assert not module.startswith(("dpbench.envs", "dpbench.baselines", "envs", "baselines")), module


EXAMPLES = {"EXAMPLE", "SHORTHANDS"}
"""Constants of the command line that may name tasks and methods: examples of `--help`, and short forms of options."""
FIELDS_OF_METHODS = (
    "n_inference_steps",
    "n_iterations",
    "n_langevin_steps",
    "n_train_steps",
    "num_train_timesteps",
    "eta",
)


def names_of_plug_ins() -> tuple[set[str], set[str]]:
    """Names of installed tasks, their folders, methods and samplers: compound ones, and single ordinary words."""
    baselines = [registry("baseline").load(name) for name in registry("baseline").names()]
    choices = [baseline.sampling for baseline in baselines if isinstance(baseline, Baseline) and baseline.sampling]
    samplers = {
        value
        for choice in choices
        for setting in choice.sweep
        for value in vars(setting).values()
        if isinstance(value, str)
    }
    tasks = {name.removeprefix("dpbench/").rpartition("-v")[0] for name in registry("task").names()}
    folders = {path.name for path in ENVS.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    names = {*registry("baseline").names(), *tasks, *folders}
    compound = {name for name in names if re.search(r"[-_]|[a-z][A-Z]", name)}
    return compound | samplers | {"pusht"}, names - compound


COMPOUND, SINGLE = names_of_plug_ins()


def any_spelling(name: str) -> str:
    """A pattern for `PushT`, `push_t` and `Push-T` alike."""
    return "[-_]?".join(re.escape(part) for part in re.split(r"[-_]|(?<=[a-z])(?=[A-Z])", name) if part)


WORDS_OF_PLUG_INS = re.compile(
    "(?<![A-Za-z0-9])(?:"
    + "|".join([*map(any_spelling, COMPOUND), *(f"{name}-v[0-9]" for name in SINGLE), *FIELDS_OF_METHODS])
    + ")(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def without_examples(path: Path) -> list[str]:
    """Lines of a file; those of EXAMPLES are empty, and pages of the documentation are not named."""
    text = path.read_text()
    lines = re.sub(r"docs/\w+\.md", "", text).splitlines()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign) and {ast.unparse(target) for target in node.targets} <= EXAMPLES:
            lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
    return lines


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_the_core_names_no_task_and_no_method(path: Path) -> None:
    """In names, texts, docstrings and comments; a single ordinary word (`hold`, `Lift`) counts as a whole text only."""
    lines = without_examples(path)
    found = [
        f"line {number}: {match.group()!r} in {line.strip()!r}"
        for number, line in enumerate(lines, start=1)
        for match in WORDS_OF_PLUG_INS.finditer(line)
    ]
    found += [
        f"line {node.lineno}: the text {node.value!r}"
        for node in ast.walk(ast.parse("\n".join(lines)))
        if isinstance(node, ast.Constant) and node.value in (SINGLE | {"encoder."})
    ]
    assert not found, f"{path}: " + "; ".join(found)


@pytest.mark.parametrize(
    "line",
    [
        "task = 'dpbench/PushT-v0'",
        "# as for Push-T",
        "def block_push(): ...",
        "# a choice such as lift-v0",
        "if sampler == 'ddim': ...",
        "steps = config['n_inference_steps']",
        '"""Better than flow matching and Flow-Matching."""',
    ],
)
def test_a_word_of_a_plug_in_is_found(line: str) -> None:
    assert WORDS_OF_PLUG_INS.search(line)


@pytest.mark.parametrize("path", sorted([*ENVS.rglob("*.py"), *BASELINES.rglob("*.py")]), ids=str)
def test_plug_ins_import_only_the_core_and_their_own_folder(path: Path) -> None:
    own = ENVS if path.is_relative_to(ENVS) else BASELINES
    depth = len(path.relative_to(own).parts)
    for module, level in imports(path):
        assert level <= max(1, depth - 1), f"{path} reaches out of its folder: {module}"
        if level == 0:
            assert not module.startswith(("dpbench.envs", "dpbench.baselines", "envs", "baselines")), module


def part_of(module: str) -> str:
    """`dpbench.policies.runner` -> `policies`."""
    return module.split(".")[1]


def core_graph() -> dict[str, set[str]]:
    """Module of the core -> modules of the core that it imports."""
    graph: dict[str, set[str]] = {}
    for path in CORE.rglob("*.py"):
        if path.name == "__init__.py" and path.parent == CORE:
            continue
        name = ".".join(("dpbench", *path.relative_to(CORE).with_suffix("").parts)).removesuffix(".__init__")
        graph[name] = {module for module, _ in imports(path) if module.startswith("dpbench.")}
    return graph


GRAPH = core_graph()


@pytest.mark.parametrize("module", sorted(GRAPH))
def test_arrows_inside_the_core_point_downwards(module: str) -> None:
    part = part_of(module)
    if part in FACADES:
        return
    assert part in LEVEL, f"{part} has no place in LAYERS"
    for target in GRAPH[module]:
        other = part_of(target)
        assert other == part or LEVEL.get(other, len(LAYERS)) < LEVEL[part], f"{module} imports {target}"


def test_no_modules_of_the_core_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: targets & GRAPH.keys() for module, targets in GRAPH.items()}).prepare()


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_files_and_functions_are_readable_in_one_sitting(path: Path) -> None:
    limit = MAX_LONG_FILE if path.name in ("physics.py", "unet.py", "transformer.py") else MAX_FILE
    assert len(path.read_text().splitlines()) <= limit
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef) and node.body:
            documented = ast.get_docstring(node) is not None
            first = node.body[1 if documented and len(node.body) > 1 else 0]
            assert (node.end_lineno or 0) - first.lineno < MAX_FUNCTION, f"{path}:{node.lineno} {node.name} is too long"


STEPPING = CORE / "evaluation/stepping.py"
NOT_ENVIRONMENTS = {"axis", "left", "optimiser", "recorder", "_recorder"}
"""Names in the core of objects with a method `step` that are no environments: of matplotlib, torch and the arms."""


def stepped(path: Path) -> set[str]:
    """The name `x` of every call `x.step(...)`; a wrapper's `super().step(...)` is its environment's own."""
    calls = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    objects = (ast.unparse(call.value) for call in calls if isinstance(call, ast.Attribute) and call.attr == "step")
    return {name.rsplit(".", 1)[-1] for name in objects if name != "super()"}


@pytest.mark.parametrize("path", sorted(CORE.rglob("*.py")), ids=str)
def test_one_file_of_the_core_steps_environments(path: Path) -> None:
    environments = stepped(path) - NOT_ENVIRONMENTS
    assert environments == ({"env"} if path == STEPPING else set()), "use dpbench.evaluation.stepping.steps"


def test_no_folder_without_a_name() -> None:
    forbidden = {"utils", "misc", "common", "helpers", "manager"}
    assert not [path for path in SOURCES if forbidden & {part.removesuffix(".py") for part in path.parts}]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_stepping_push_t_imports_no_torch() -> None:
    code = (
        "import sys, gymnasium as gym, dpbench\n"
        "assert 'pymunk' not in sys.modules, 'importing dpbench imports a simulator'\n"
        "env = gym.make('dpbench/PushT-v0'); env.reset(seed=0); env.step(env.action_space.sample())\n"
        "print('torch' in sys.modules)"
    )
    assert run(code).strip() == "False"


@pytest.mark.parametrize("package", ["envs", "baselines"])
def test_a_package_has_one_name(package: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {package}"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert f"import this package as 'dpbench.{package}'" in done.stderr


def test_type_checkers_see_every_part() -> None:
    links = {path.name for path in (ROOT / ".typings/dpbench").iterdir()}
    parts = {path.name for path in CORE.iterdir() if path.suffix == ".py" or path.is_dir()} - {"__pycache__"}
    assert links == parts | {"envs", "baselines"}
