"""Findings of checks on the command line: a table and advice, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpbench.cli.json_output import json_text
from dpbench.escaping import in_terminal, printable
from dpbench.findings import Finding

SIGNS = {"ok": "[green]ok[/green]", "failed": "[red]FAILED[/red]", "skipped": "-"}


def print_findings(findings: Sequence[Finding], title: str, console: Console) -> int:
    """Print a table, then the advice for what did not pass; returns the exit status, 1 when a check failed."""
    table = Table(title=in_terminal(title), box=box.SIMPLE)
    for heading in ("", "check", "measured"):
        table.add_column(heading)
    for finding in findings:
        table.add_row(SIGNS[finding.status], in_terminal(finding.name), in_terminal(finding.measured))
    console.print(table)
    for finding in findings:
        if not finding.passed and finding.advice:
            advice = Text.assemble((printable(finding.name), "bold"), ": ", printable(finding.advice))
            console.print(advice, highlight=False, soft_wrap=True)
    return status_of(findings)


def print_json(subjects: Sequence[tuple[str, Sequence[Finding]]]) -> int:
    """Print all findings as JSON, a list for each subject; returns the exit status."""
    print(json_text({name: [as_json(finding) for finding in findings] for name, findings in subjects}))
    return max((status_of(findings) for _, findings in subjects), default=0)


def as_json(finding: Finding) -> dict[str, Any]:
    """Plain values."""
    return {**vars(finding), "values": dict(finding.values)}


def status_of(findings: Sequence[Finding]) -> int:
    """Exit status: 1 when a check failed."""
    return int(any(finding.passed is False for finding in findings))
