"""The short videos beside the page: rendered once from checkpoints of the zoo (`examples/draw_videos.py`)."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from dpbench.errors import DataError
from dpbench.escaping import printable
from dpbench.files.reading import Kind, read_bytes

FOLDER = "videos"
LIMIT_BYTES = 2 * 2**20
"""Of all videos together; what comes after them by name is left out, so that the page stays below 5 MB."""
WEBM = b"\x1a\x45\xdf\xa3"
"""What every file of the format begins with (EBML, RFC 8794)."""
VIDEO = Kind(DataError, "draw it again: python examples/draw_videos.py", limit_bytes=LIMIT_BYTES)


@dataclass(frozen=True)
class Video:
    """A video of one policy in its task.

    Attributes:
        task: its id without the package.
        policy: name of the checkpoint.
        content: the file, WebM.
    """

    task: str
    policy: str
    content: bytes

    def as_json(self) -> dict[str, JsonValue]:
        """For the page, with the file as a data URL."""
        data = base64.b64encode(self.content).decode("ascii")
        return {"policy": printable(self.policy), "url": f"data:video/webm;base64,{data}"}


def read_videos(folder: Path) -> tuple[Video, ...]:
    """The videos beside a page, `videos/TASK--POLICY.webm`, by name.

    Args:
        folder: of the page.

    Raises:
        DataError: for a file that is no WebM video, or is larger than all may be together.
    """
    found: list[Video] = []
    for path in sorted((folder / FOLDER).glob("*--*.webm")):
        content = read_bytes(path, VIDEO)
        if not content.startswith(WEBM):
            raise VIDEO.wrong(path, "is not a WebM video")
        if sum(len(one.content) for one in found) + len(content) > LIMIT_BYTES:
            break
        task, policy = path.stem.split("--", 1)
        found.append(Video(task, policy, content))
    return tuple(found)
