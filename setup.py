"""Find the packages of the two top-level folders; all else stands in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["dpbench", "dpbench.*"]),
        *(f"dpbench.{name}" for name in find_packages(include=["envs", "envs.*", "baselines", "baselines.*"])),
    ]
)
