"""The HTML page as text: the template with style, scripts and content inside, and a policy that forbids all else."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.resources import files

from pydantic import JsonValue

PAGE = "index.html"
SCRIPTS = ("elements.js", "charts.js", "table.js", "details.js", "page.js")
"""In the order in which they are joined."""
_IN_SCRIPT = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
"""Inside a script element the parser of HTML looks for `</script` and `<!--`; JSON may write the letters as escapes."""


def html(content: dict[str, JsonValue]) -> str:
    """The whole page.

    Args:
        content: of `dpbench.leaderboard.html.content`.
    """
    style = _asset("style.css")
    script = "".join(map(_asset, SCRIPTS))
    parts = {
        "policy": _security_policy(style, script),
        "style": style,
        "script": script,
        "content": in_script(content),
    }
    page = _asset("template.html")
    before, *rest = page.split("{{")
    # Split first: what is put in is not searched for further places.
    return before + "".join(parts[name] + after for name, after in (part.split("}}", 1) for part in rest))


def in_script(content: JsonValue) -> str:
    """JSON that may stand inside a script element, whatever texts it holds; a line a row, for readable differences."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.translate(_IN_SCRIPT).replace('{"policy":', '\n{"policy":').replace('"id":', '\n"id":')


def _security_policy(style: str, script: str) -> str:
    """Content Security Policy (W3C, level 3): our own style and script by their hashes, pictures and videos inside."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def _asset(name: str) -> str:
    return files("dpbench.leaderboard.html").joinpath(name).read_text(encoding="utf-8")
