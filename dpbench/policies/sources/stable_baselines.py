"""Policies trained with Stable-Baselines3, from the zip file that `model.save` writes.

The file's pickled parts are not read: of its JSON only the policy's class (which must be one of Stable-Baselines3) and
its plain arguments are used, spaces come from the task, and weights are loaded as tensors only. The spaces that it was
trained in must have the task's bounds: a model of scaled actions would run, and act in other units. Statistics of
`VecNormalize` are in a file of their own, so that a model that needs them cannot be told from others.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from dpbench.errors import CheckpointError, MissingExtraError
from dpbench.escaping import printable
from dpbench.files.reading import Kind, read_bytes
from dpbench.policies.networks import parameters_of
from dpbench.policies.noise import NoiseStreams
from dpbench.policies.policy_source import PolicyDescription, named_task, plain_options
from dpbench.policies.protocol import Observations, Policy
from dpbench.policies.sources.stable_baselines_spaces import BoxText, boxes_of, difference, told_spaces
from dpbench.spec import Horizon

PREFIX = "sb3:"
MODEL = Kind(CheckpointError, "expected the zip that `model.save` writes", limit_bytes=2**30)
DATA_LIMIT_BYTES = 64 * 2**20
SMALL = 1024
"""Sizes that `policy_kwargs` may ask for whatever the weights are, and how many of them."""


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

    def act(self, observations: Observations, noise: NoiseStreams) -> NDArray[np.float32]:  # noqa: ARG002
        """`(B, 1, ...)` -> `(B, 1, Da)`; uses no noise."""
        newest: Any = {key: value[:, -1] for key, value in sorted(observations.items())}
        if self._flat:
            newest = np.concatenate(list(newest.values()), axis=1)
        actions, _ = self._network.predict(newest, deterministic=True)
        return np.asarray(actions, dtype=np.float32)[:, None]


@dataclass(frozen=True)
class _Model:
    """What a model file holds.

    Attributes:
        policy_class: a `BasePolicy` of Stable-Baselines3.
        arguments: of its constructor.
        weights: parameter name -> tensor.
        flat: True when it takes one vector.
        observations: the boxes that it was trained on, by key; without a name when it takes one vector.
        actions: the same of its actions.
        sha256: of the file.
    """

    policy_class: type[Any]
    arguments: Mapping[str, Any]
    weights: Mapping[str, torch.Tensor]
    flat: bool
    observations: Mapping[str, BoxText]
    actions: Mapping[str, BoxText]
    sha256: str


class StableBaselinesSource:
    """A reference is a model file. It has no description beside it, so it is read as a whole to describe it."""

    def describe(self, reference: str, task_id: str | None, options: Mapping[str, str]) -> PolicyDescription:
        """Reads the file and builds the network once, for the number of its parameters.

        Raises:
            MissingExtraError: without stable-baselines3.
            CheckpointError: for a file that is not such a model, needs pickled arguments, or does not fit the task.
            ConfigError: without a task, or with options.
        """
        task = named_task(f"{PREFIX}{reference}", task_id)
        plain_options(f"{PREFIX}{reference}", options)
        path = Path(reference)
        model = _read(path)
        name = PREFIX + path.name
        identity = {
            "baseline": name,
            "preset": None,
            "config": {"policy_class": model.policy_class.__name__, **model.arguments},
            "n_parameters": parameters_of(_network(model, task.id, path)),
            "checkpoint_sha256": model.sha256,
        }
        return PolicyDescription(
            source="sb3",
            reference=reference,
            baseline=name,
            task_id=task.id,
            horizon=StableBaselinesPolicy.horizon,
            identity=identity,
            packages=("torch", "stable-baselines3"),
        )

    def open(self, description: PolicyDescription, device: str, micro_batch: int | None) -> Policy:  # noqa: ARG002
        """The network computes a batch as it comes.

        Raises:
            CheckpointError: when the file is no longer what was described.
        """
        path = Path(description.reference)
        model = _read(path)
        if model.sha256 != description.identity["checkpoint_sha256"]:
            raise CheckpointError(f"{path} was replaced since the command started; run it again.")
        network = _network(model, description.task_id, path).to(device)
        network.set_training_mode(False)
        return StableBaselinesPolicy(network, model.flat)


def _read(path: Path) -> _Model:
    try:
        from stable_baselines3.common.policies import BasePolicy
    except ImportError as error:
        raise MissingExtraError("sb3: models need stable-baselines3: pip install 'dpbench[sb3]'.") from error
    content = read_bytes(path, MODEL)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            data = json.loads(_member(archive, "data", DATA_LIMIT_BYTES))
            packed = _member(archive, "policy.pth", MODEL.limit_bytes)
        _check_packed(packed)
        weights = torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
        told = told_spaces(data["observation_space"]), told_spaces(data["action_space"])
        described, arguments = data["policy_class"], dict(data["policy_kwargs"])
        module, found = str(described["__module__"]), re.match(r"<function (\w+)\.__init__", described["__init__"])
        # Only then is the module imported.
        own = module.startswith("stable_baselines3.") and found is not None
        policy_class = getattr(import_module(module), found.group(1), None) if own and found else None
        _check(weights, arguments)
    except Exception as error:  # A damaged or foreign file may fail anywhere in here.
        raise MODEL.wrong(
            path, f"is not a model file of Stable-Baselines3 ({type(error).__name__}: {error})"
        ) from error
    if not (isinstance(policy_class, type) and issubclass(policy_class, BasePolicy)):
        raise MODEL.wrong(path, f"its policy class, of {module}, is not one of Stable-Baselines3")
    return _Model(policy_class, arguments, weights, "" in told[0], *told, hashlib.sha256(content).hexdigest())


def _member(archive: zipfile.ZipFile, name: str, limit_bytes: int) -> bytes:
    """A part of the file, which declares its size before memory is taken for it."""
    size = archive.getinfo(name).file_size
    if size > limit_bytes:
        raise ValueError(f"{name} declares {size:,} bytes, expected at most {limit_bytes:,}")
    with archive.open(name) as file:
        return file.read(size)


def _check_packed(packed: bytes) -> None:
    """Weights are an archive themselves, whose parts may inflate.

    Raises:
        ValueError: when they declare more than a model may take, or two of one name.
    """
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        parts = archive.infolist()
    if len({part.filename for part in parts}) < len(parts):
        raise ValueError("policy.pth has two parts of one name")
    size = sum(part.file_size for part in parts)
    if size > MODEL.limit_bytes:
        raise ValueError(f"the parts of policy.pth declare {size:,} bytes, expected at most {MODEL.limit_bytes:,}")


def _check(weights: object, arguments: Mapping[str, Any]) -> None:
    """Finite weights that are stored whole, and layers no larger than they are.

    Raises:
        ValueError: what is wrong.
    """
    if not isinstance(weights, dict):
        raise ValueError("policy.pth holds no weights by name")
    largest = SMALL
    for name, value in weights.items():
        if not (isinstance(name, str) and isinstance(value, torch.Tensor) and value.is_floating_point()):
            raise ValueError(f"{name!r:.60} in policy.pth is no tensor of numbers")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise ValueError(f"{name} declares shape {tuple(value.shape)}, more than is stored")
        if not value.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinite numbers")
        largest = max(largest, *value.shape, 0)
    text = json.dumps(arguments)
    if ":serialized:" in text:
        raise ValueError("its policy_kwargs are pickled, which is never loaded; use numbers and lists")
    numbers = [float(number) for number in re.findall(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text)]
    if len(numbers) > SMALL or any(abs(number) > largest for number in numbers):
        raise ValueError(f"policy_kwargs = {text:.60}: asks for larger layers than policy.pth has")


def _network(model: _Model, task_id: str, path: Path) -> Any:
    env = gym.make(task_id)
    observations, actions = env.observation_space, env.action_space
    env.close()
    space = gym.spaces.flatten_space(observations) if model.flat else observations
    for what, found, wanted in (("observations", model.observations, space), ("actions", model.actions, actions)):
        if differs := difference(what, found, boxes_of(wanted)):
            raise CheckpointError(
                f"{path} does not fit {task_id}: {printable(differs[:300])}; name the task it was trained in, or "
                f"train it in gym.make({task_id!r}) without wrappers that change its spaces, such as RescaleAction."
            )
    try:
        network = model.policy_class(space, actions, lambda _: 0.0, **model.arguments)
        network.load_state_dict(model.weights)
    except Exception as error:  # Whatever the class and torch say about shapes and names.
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(
            f"{path} does not fit {task_id} ({printable(reason[:300])}); name the task it was trained in."
        ) from error
    return network


SOURCE = StableBaselinesSource()
