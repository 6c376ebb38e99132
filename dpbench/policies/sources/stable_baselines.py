"""Policies trained with Stable-Baselines3, from the zip file that `model.save` writes.

The file's pickled parts are not read: of its JSON only the policy's class (which must be one of Stable-Baselines3) and
its plain arguments are used, spaces come from the task, and weights are loaded as tensors only.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from dpbench.errors import CheckpointError, MissingExtraError
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.protocol import Observations
from dpbench.spec import Horizon


class StableBaselinesPolicy:
    """The deterministic policy of a model, one action a step.

    Args:
        network: a `stable_baselines3.common.policies.BasePolicy`.
        flat: True when it takes one vector, all observations in alphabetical order (`FlattenObservation`).
    """

    horizon = Horizon(n_obs_steps=1, horizon=1, n_action_steps=1)

    def __init__(self, network: Any, flat: bool) -> None:
        self._network = network
        self._flat = flat

    def reset(self) -> None:
        """Nothing to forget."""

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002  # the door
        """`(B, 1, ...)` -> `(B, 1, Da)`; uses no noise."""
        newest: Any = {key: value[:, -1] for key, value in sorted(observations.items())}
        if self._flat:
            newest = np.concatenate(list(newest.values()), axis=1)
        actions, _ = self._network.predict(newest, deterministic=True)
        return np.asarray(actions, dtype=np.float32)[:, None]


def open_stable_baselines(path: Path, task_id: str, device: str) -> tuple[StableBaselinesPolicy, dict[str, Any]]:
    """The policy of a model file and its identity.

    Raises:
        MissingExtraError: without stable-baselines3.
        CheckpointError: for a file that is no such model, needs pickled arguments, or does not fit the task.
    """
    try:
        from stable_baselines3.common.policies import BasePolicy
    except ImportError as error:
        raise MissingExtraError("sb3: models need stable-baselines3: pip install 'dpbench[sb3]'.") from error
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = json.loads(archive.read("data"))
            weights = torch.load(io.BytesIO(archive.read("policy.pth")), map_location=device, weights_only=True)
        described, arguments = data["policy_class"], data["policy_kwargs"]
        name = re.match(r"<function (\w+)\.__init__", described["__init__"])
        policy_class = getattr(import_module(described["__module__"]), name.group(1) if name else "")
    except Exception as error:  # A damaged or foreign file may fail anywhere in here.
        raise CheckpointError(
            f"{path} is no model file of Stable-Baselines3 ({type(error).__name__}: {error}); expected the zip that "
            "`model.save` writes."
        ) from error
    if not (described["__module__"].startswith("stable_baselines3.") and issubclass(policy_class, BasePolicy)):
        raise CheckpointError(f"{path}: its policy class {described['__module__']} is not one of Stable-Baselines3.")
    if ":serialized:" in json.dumps(arguments):
        raise CheckpointError(f"{path}: its policy_kwargs are pickled, which is never loaded; use numbers and lists.")
    flat = "Box" in data["observation_space"][":type:"]
    network = _network(policy_class, arguments, weights, task_id, flat, path).to(device)
    network.set_training_mode(False)
    identity = {
        "baseline": "sb3:" + path.name,
        "preset": None,
        "config": {"policy_class": policy_class.__name__, **arguments},
        "n_parameters": sum(parameter.numel() for parameter in network.parameters()),
        "checkpoint_sha256": hashlib.sha256(content).hexdigest(),
    }
    return StableBaselinesPolicy(network, flat), identity


def _network(policy_class: Any, arguments: Any, weights: Any, task_id: str, flat: bool, path: Path) -> Any:
    env = gym.make(task_id)
    observations, actions = env.observation_space, env.action_space
    env.close()
    try:
        space = gym.spaces.flatten_space(observations) if flat else observations
        network = policy_class(space, actions, lambda _: 0.0, **arguments)
        network.load_state_dict(weights)
    except Exception as error:  # Whatever the class and torch say about shapes and names.
        raise CheckpointError(
            f"{path} does not fit {task_id} ({str(error).splitlines()[0]}); name the task it was trained in."
        ) from error
    return network
