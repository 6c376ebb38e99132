"""Conformance checks for tasks, baselines, data sets and arms, ours and those of other packages.

    from dpbench.checks import check_task, raise_on_failure

    raise_on_failure(check_task("my_package/MyTask-v0"))     # in a test
    dpbench check task my_package/MyTask-v0                  # on the command line

Every check returns a `Finding`: what was checked, whether it passed, what was found, and what to do.
"""

from dpbench.checks.arm import check_arm
from dpbench.checks.baseline import check_baseline
from dpbench.checks.dataset import check_dataset
from dpbench.checks.measured_floors import check_floors
from dpbench.checks.task import check_task
from dpbench.findings import Finding, raise_on_failure

__all__ = ["Finding", "check_arm", "check_baseline", "check_dataset", "check_floors", "check_task", "raise_on_failure"]
