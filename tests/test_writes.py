"""Files are written under a temporary name and renamed, and texts are read as UTF-8, everywhere in the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for folder in ("dpbench", "envs", "baselines", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
IN_PLACE = {
    "dpbench/files/writing.py": "writes under temporary names, for all others",
    "dpbench/files/locks.py": "who holds a lock, in the lock's own file",
    "dpbench/data/raw_array.py": "appends behind the last committed step; the shape is renamed into place",
    "dpbench/data/fetch.py": "NAME.part, which an interrupted download continues",
    "dpbench/training/loggers.py": "appends rows; one that was cut off is dropped when the run resumes",
    "dpbench/cli/arm_actions/run.py": "appends a line an episode",
    "dpbench/arms/control/dry_run.py": "commands as they are sent, to be there after a crash",
    "dpbench/arms/teleoperation/interface.py": "the video of a session, to be there after a crash",
}
"""Files whose code writes in place, and why."""
SAFE = {"buffer", "temporary", "'<bytes>'"}
"""Names of what is in memory, or has a temporary name."""
WRITERS = {"write_text", "to_csv", "savefig", "imwrite", "get_writer", "savez", "savez_compressed", "savetxt", "tofile",
           "save_file", "dump"}  # fmt: skip


def name_of(call: ast.Call) -> str:
    """`write_text` of `path.write_text(...)`."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def writes(source: str) -> Iterator[str]:
    """Calls that write a file in place."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name, first = name_of(call), ast.unparse(call.args[0]) if call.args else ""
        texts = {node.value for given in [*call.args, *call.keywords] for node in ast.walk(given)
                 if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
        is_for_writing = any(set(text) & set("wax+") and set(text) <= set("rwaxbt+") for text in texts)
        if name in ("open", "File", "ZipFile"):
            found = is_for_writing and first not in SAFE
        elif name in ("save", "write_bytes"):  # functions of our own have these names, too
            found = isinstance(call.func, ast.Attribute) and bool(call.args) and first not in SAFE
        else:
            found = name in WRITERS and bool(first) and first not in SAFE
        if found:
            yield ast.unparse(call)


def test_files_are_written_under_a_temporary_name() -> None:
    """Otherwise use write_bytes, write_all, new_file or new_folder of dpbench.files.writing."""
    found = {str(path.relative_to(ROOT)): list(writes(source)) for path, source in SOURCES.items()}
    assert {name: calls for name, calls in found.items() if calls and name not in IN_PLACE} == {}
    assert {name for name in IN_PLACE if not found[name]} == set(), "these no longer write in place"


@pytest.mark.parametrize(
    "code",
    ["open(path, 'w')", "path.open('ab')", "path.open(mode='r+b')", "path.write_text(text)", "path.write_bytes(b'')",
     "rows.to_csv(path)", "figure.savefig(folder / 'a.png', dpi=9)", "imageio.imwrite(path, picture)",
     "np.savez(path, a=a)", "json.dump(values, file)", "h5py.File(path, 'w')", "image.save(path)"],
)  # fmt: skip
def test_a_write_in_place_is_found(code: str) -> None:
    assert list(writes(code)) == [code]


@pytest.mark.parametrize(
    "code",
    ["open(path)", "path.open('rb')", "write_bytes(path, content)", "rows.to_csv(index=False)", "table.to_json(orient)",
     "figure.savefig(buffer, format='png')", "imageio.imwrite('<bytes>', picture)", "save(rows, folder)",
     "h5py.File(path, 'r')",
     "journal.save()", "image.save(temporary)", "store.open(path)"],
)  # fmt: skip
def test_what_is_no_write_in_place_is_not_found(code: str) -> None:
    assert not list(writes(code))


def test_texts_are_read_as_utf_8_whatever_the_locale() -> None:
    for path, source in SOURCES.items():
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            # With a name, it is a file of an installed package.
            if name_of(call) == "write_text" or (name_of(call) == "read_text" and not call.args):
                assert "encoding" in {word.arg for word in call.keywords}, f"{path}:{call.lineno}"
