"""dpbench: imitation-learning benchmark for robot manipulation; importing it registers the environments."""

from dpbench.tasks import register_envs

__version__ = "0.1.0"

register_envs()
