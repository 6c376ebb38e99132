"""JSON schema of records, generated from the models: `python -m dpbench.records.schema leaderboards/schema.json`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dpbench.files.writing import write_json
from dpbench.records.record import Record


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12."""
    generated: dict[str, Any] = Record.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **generated}


if __name__ == "__main__":
    write_json(Path(sys.argv[1]), schema())
