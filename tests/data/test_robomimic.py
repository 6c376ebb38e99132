"""robomimic's files: read, checked against our environments, replayed in them, written, fetched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from numpy.typing import NDArray

from dpbench.cli import main
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.data.formats.robomimic_hdf5 import Demo, read, write
from dpbench.data.importing import import_archive
from dpbench.demonstrations.exporting import export
from dpbench.demonstrations.generation import demonstrate
from dpbench.errors import ConfigError, DataError
from dpbench.tasks import load_task
from dpbench.training import zoo

h5py = pytest.importorskip("h5py")
pytest.importorskip("robosuite")

LIMITS = np.array([0.05] * 3 + [0.5] * 3)
FLAT = {
    "type": "OSC_POSE", "input_max": 1, "input_min": -1, "output_max": LIMITS.tolist(),
    "output_min": (-LIMITS).tolist(), "kp": 150, "damping": 1, "impedance_mode": "fixed", "kp_limits": [0, 300],
    "damping_limits": [0, 10], "position_limits": None, "orientation_limits": None, "uncouple_pos_ori": True,
    "control_delta": True, "interpolation": None, "ramp_ratio": 0.2,
}  # fmt: skip
FILTERS = {"train": [0, 2], "valid": [1]}


def env_args(name: str, old: bool) -> dict[str, Any]:
    """As the file of 2021 (no version, one flat controller) or of today (robosuite 1.5) has it."""
    part = {**FLAT, "input_ref_frame": "world", "gripper": {"type": "GRIP"}}
    controller = FLAT if old else {"type": "BASIC", "body_parts": {"right": part}}
    kwargs = {"robots": ["Panda"], "control_freq": 20, "controller_configs": controller, "reward_shaping": False}
    described = {"env_name": name, "type": 1, "env_kwargs": kwargs}
    return described if old else {**described, "env_version": "1.5.1"}


def rollout(scene: str, number: int, n_steps: int) -> dict[str, NDArray[Any]]:
    """The first steps of the demonstrator: observations, actions, and the simulator's state before each action."""
    actions = demonstrate(f"dpbench/{scene}-v0", number).arrays["action"][:n_steps]
    env = gym.make(f"dpbench/{scene}-v0")
    simulator: Any = env.unwrapped
    observation, _ = env.reset(seed=number)
    rows = []
    for action in actions:
        rows.append({**observation, "states": simulator.simulator_state(), "action": action})
        observation, *_ = env.step(action)
    env.close()
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def demo(rows: Mapping[str, NDArray[Any]], old: bool) -> Demo:
    """The rollout as robosuite 1.2 or 1.5 orders it."""
    objects = rows["environment_state"].astype(np.float64)
    if objects.shape[1] == 10 and old:
        objects[:, 7:] *= -1
    elif old:
        objects = objects[:, [*range(7, 14), *range(7)]]
    hand, actions = rows["agent_pos"].astype(np.float64), rows["action"].astype(np.float64)
    arrays = {
        "actions": np.concatenate([actions[:, :6] / LIMITS, actions[:, 6:]], axis=1),
        "states": rows["states"],
        "rewards": np.zeros(len(actions)),
        "dones": np.zeros(len(actions), dtype=np.int64),
        "obs/object": objects,
        "obs/robot0_eef_pos": hand[:, :3],
        "obs/robot0_eef_quat": hand[:, 3:7],
        "obs/robot0_gripper_qpos": hand[:, 7:],
    }
    return Demo(arrays, {"model_file": "<mujoco/>"})


@pytest.fixture(scope="module")
def lift() -> list[dict[str, NDArray[Any]]]:
    return [rollout("Lift", number, length) for number, length in enumerate((20, 12, 15))]


def written(folder: Path, rollouts: list[dict[str, NDArray[Any]]], old: bool, scene: str = "Lift") -> Path:
    path = folder / "low_dim.hdf5"
    write(path, [demo(rows, old) for rows in rollouts], env_args(scene, old), FILTERS)
    return path


def test_what_is_written_is_read_back_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    demos = [
        Demo({"actions": rng.normal(size=(n, 7)), "obs/robot0_eef_pos": rng.normal(size=(n, 3))}) for n in range(1, 13)
    ]
    write(tmp_path / "low_dim.hdf5", iter(demos), env_args("Lift", old=False), {"train": [11, 2]})
    archive = read(tmp_path / "low_dim.hdf5")
    assert archive.attributes["env_args"] == env_args("Lift", old=False)
    assert archive.filters["train"].tolist() == [2, 11]
    assert np.diff(archive.episode_ends, prepend=0).tolist() == list(range(1, 13))
    for name, array in archive.arrays.items():
        whole = np.concatenate([demo.arrays[name.removeprefix("data/")] for demo in demos])
        assert array.shape == whole.shape
        assert np.array_equal(array[0 : len(whole)], whole)
        for begin, end in ((0, 1), (1, 4), (30, 60), (77, 78), (5, 5)):
            assert np.array_equal(array[begin:end], whole[begin:end])
    with h5py.File(tmp_path / "low_dim.hdf5") as file:
        assert file["data"].attrs["total"] == 78
        assert file["data/demo_4"].attrs["num_samples"] == 5
        assert file["mask/train"][()].tolist() == [b"demo_11", b"demo_2"]
        assert file["mask/train"].dtype.kind == "S"


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("scene", ["Lift", "Square"])
def test_files_of_2021_and_of_today_become_the_same_store(
    tmp_path: Path, lift: list[dict[str, NDArray[Any]]], old: bool, scene: str
) -> None:
    rollouts = lift if scene == "Lift" else [rollout("Square", number, 8) for number in range(3)]
    source = written(tmp_path, rollouts, old, {"Lift": "Lift", "Square": "NutAssemblySquare"}[scene])
    task = load_task(f"dpbench/{scene}-v0")
    store = import_archive(task, source, "robomimic-hdf5", tmp_path / "store.zarr")
    for key in ("agent_pos", "action"):
        assert np.array_equal(store.read(key), np.concatenate([rows[key] for rows in rollouts]))
    expected = np.concatenate([rows["environment_state"] for rows in rollouts])
    np.testing.assert_allclose(store.read("environment_state"), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["Can", "ToolHang", "Transport"])
def test_what_is_relative_to_the_hands_follows_from_the_poses_in_the_world(name: str) -> None:
    from dpbench.envs.robosuite_tasks.demonstrations import environment_state  # type: ignore[import-not-found]
    from dpbench.envs.robosuite_tasks.task import SCENES  # type: ignore[import-not-found]

    env = gym.make(f"dpbench/{name}-v0")
    env.action_space.seed(0)
    rows = [env.reset(seed=0)[0], *(env.step(env.action_space.sample())[0] for _ in range(3))]
    objects, hands = (np.stack([row[key] for row in rows]).astype(float) for key in ("environment_state", "agent_pos"))
    if name == "Transport":
        old = objects[:, [*range(27), *range(29, 41), 27, 28]]
    else:
        swapped = [begin + i for begin in range(0, objects.shape[1] - 13, 14) for i in (*range(7, 14), *range(7))]
        old = objects[:, [*swapped, *range(len(swapped), objects.shape[1])]]
    for values, is_old in ((objects, False), (old, True)):
        found = environment_state(SCENES[name], values, hands, is_old)
        np.testing.assert_allclose(found, objects, rtol=0, atol=1e-6)
    env.close()


def test_a_filter_chooses_episodes_and_differences_are_printed(
    tmp_path: Path, lift: list[dict[str, NDArray[Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, lift, old=True)
    command = ["data", "import", str(source), "--task", "lift", "--format", "robomimic-hdf5"]
    assert main([*command, "--filter", "train", "--out", str(tmp_path / "train.zarr")]) == 0
    assert "note: the file does not name the version of robosuite" in capsys.readouterr().err
    store = EpisodeStore.open(tmp_path / "train.zarr")
    assert store.episode_ends.tolist() == [20, 35]
    assert store.attributes["filter"] == "train"
    assert main([*command, "--filter", "better", "--out", str(tmp_path / "other.zarr")]) == 2
    assert "has no filter 'better'; it has train, valid" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["low_dim.hdf5", "train.zarr"]


def test_a_stored_state_is_replayed_and_absolute_goals_move_the_arm_as_displacements_do(
    tmp_path: Path, lift: list[dict[str, NDArray[Any]]]
) -> None:
    source = written(tmp_path, lift, old=True)
    tips = []
    for name in ("Lift", "LiftAbs"):
        task = load_task(f"dpbench/{name}-v0")
        store = import_archive(task, source, "robomimic-hdf5", tmp_path / f"{name}.zarr")
        assert store.item("action")[0] == (task.action.dim,)
        env = gym.make(task.id)
        env.reset(seed=7)
        simulator: Any = env.unwrapped
        observation, _ = simulator.set_simulator_state(read(source).arrays["data/states"][20:21][0])
        for key in ("agent_pos", "environment_state"):
            np.testing.assert_allclose(observation[key], lift[1][key][0], rtol=0, atol=1e-6)
        moved = [env.step(action)[0]["agent_pos"][:3] for action in store.read("action", 20, 32)]
        tips.append(np.stack(moved))
        env.close()
    # States lack the joint angles that the controller pulls towards, so the arm soon differs by fractions of a mm:
    # the same displacement then ends at another place, the same goal does not.
    assert np.abs(tips[0] - tips[1]).max() < 5e-4
    recorded = lift[1]["agent_pos"][1:, :3]
    assert np.abs(tips[0][:-1] - recorded).max() < 5e-4
    assert np.abs(tips[1][:-1] - recorded).max() < 5e-4


def absolute(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["data/demo_1/actions"][2, 3] = 3.1


def without_object(path: Path) -> None:
    with h5py.File(path, "a") as file:
        for name in file["data"]:
            del file[f"data/{name}/obs/object"]


def wide_object(path: Path) -> None:
    with h5py.File(path, "a") as file:
        for name, group in file["data"].items():
            del group["obs/object"]
            file[f"data/{name}/obs/object"] = np.zeros((len(group["actions"]), 14))


def short_object(path: Path) -> None:
    with h5py.File(path, "a") as file:
        values = file["data/demo_2/obs/object"][:-1]
        del file["data/demo_2/obs/object"]
        file["data/demo_2/obs/object"] = values


def other_environment(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["data"].attrs["env_args"] = json.dumps(env_args("PickPlaceCan", old=False))


def no_json(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["data"].attrs["env_args"] = "{env"


def strange_mask(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["mask/better"] = np.array([b"demo_9"])


def no_data(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file.move("data", "episodes")


def no_actions(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["data/demo_1/actions"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:5000]), "not a complete HDF5 file"),
        (lambda path: path.write_text("<html>not found</html>"), "not a complete HDF5 file"),
        (no_data, "has no data/demo_0"),
        (no_actions, "demo_1 has no actions"),
        (without_object, "has no array 'obs/object'"),
        (wide_object, r"obs/object has \(14,\) numbers a step, expected 10"),
        (short_object, "obs/object of demo_2 has shape"),
        (absolute, r"actions reach 3\.1, expected displacements"),
        (other_environment, "the file is of PickPlaceCan"),
        (no_json, "env_args are not JSON"),
        (strange_mask, "filter 'better' names 'demo_9'"),
    ],
)
def test_a_broken_file_is_one_error_and_leaves_nothing_behind(
    tmp_path: Path, lift: list[dict[str, NDArray[Any]]], spoil: Any, message: str
) -> None:
    source = written(tmp_path, lift, old=False)
    spoil(source)
    with pytest.raises(DataError, match=message):
        import_archive(load_task("dpbench/Lift-v0"), source, "robomimic-hdf5", tmp_path / "store.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["low_dim.hdf5"]


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    whole, ragged = np.zeros((3, 7)), {"actions": np.zeros((3, 7)), "states": np.zeros((2, 5))}
    for demos, filters, message in (
        ([Demo(ragged)], {}, "of one length"),
        ([Demo({"states": whole})], {}, "expected actions"),
        ([Demo({"actions": whole})], {"train": [1]}, "expected numbers of the 1 demos"),
    ):
        with pytest.raises(DataError, match=message):
            write(tmp_path / "out.hdf5", demos, {}, filters)
        assert list(tmp_path.iterdir()) == []
    write(tmp_path / "out.hdf5", [Demo({"actions": whole})], {})
    with pytest.raises(DataError, match="exists already"):
        write(tmp_path / "out.hdf5", [Demo({"actions": whole})], {})


def test_differences_of_the_environment_are_named() -> None:
    from dpbench.envs.robosuite_tasks.env_args import differences, ours  # type: ignore[import-not-found]

    task = load_task("dpbench/Lift-v0")
    for same in (env_args("Lift", old=False), ours(task, "1.5.2")):
        assert differences({"env_args": same}, task) == []
    old = {**env_args("Lift", old=True), "env_version": "1.2.0"}
    assert differences({"env_args": old}, task) == [
        "robosuite's version is '1.2.0' in the file, '1.5' in this task."
    ]  # fmt: skip
    other = env_args("PickPlaceCan", old=False)
    other["env_kwargs"] |= {"robots": "Sawyer", "control_freq": 10, "lite_physics": False}
    other["env_kwargs"]["controller_configs"]["body_parts"]["right"] |= {
        "type": "JOINT_POSITION", "kp": 50, "damping_ratio": 2, "control_delta": False,
    }  # fmt: skip
    del other["env_kwargs"]["controller_configs"]["body_parts"]["right"]["damping"]
    del other["env_kwargs"]["controller_configs"]["body_parts"]["right"]["input_ref_frame"]
    found = " ".join(differences({"env_args": other}, task))
    for words in (
        "environment is 'PickPlaceCan'", "['Sawyer']", "control_freq is 10", "lite_physics is False",
        "type is 'JOINT_POSITION'", "kp is 50", "damping is 2", "input_ref_frame is 'base'", "its actions are goals",
    ):  # fmt: skip
        assert words in found, words
    assert "nothing could be compared" in differences({}, task)[0]


def test_our_controller_is_the_one_that_files_are_compared_with() -> None:
    from dpbench.envs.robosuite_tasks import controller  # type: ignore[import-not-found]
    from dpbench.envs.robosuite_tasks.env_args import CONTROLLER

    assert (CONTROLLER["kp"], CONTROLLER["damping"]) == (controller.KP, controller.DAMPING_RATIO)


def generated(folder: Path, name: str, n_episodes: int) -> EpisodeStore:
    episodes = [demonstrate(f"dpbench/{name}-v0", number) for number in range(n_episodes)]
    store = EpisodeStore.create(folder / f"{name}-v0.zarr", step_shapes(episodes[0].arrays))
    for episode in episodes:
        store.append(episode.arrays, episode.start_seed, episode.attempt)
    return store


@pytest.mark.parametrize("name", ["Lift", "LiftAbs", "Can"])
def test_generated_demonstrations_survive_the_way_out_and_back(tmp_path: Path, name: str) -> None:
    import mujoco

    store, task = generated(tmp_path, name, 2), load_task(f"dpbench/{name}-v0")
    command = ["data", "export", f"{name}-v0", "--task", name, "--out", str(tmp_path / "out.hdf5")]
    assert main([*command, "--data-dir", str(tmp_path)]) == 0
    sentences: list[str] = []
    back = import_archive(task, tmp_path / "out.hdf5", "robomimic-hdf5", tmp_path / "back.zarr", say=sentences.append)
    assert sentences == []
    assert back.episode_ends.tolist() == store.episode_ends.tolist()
    assert np.array_equal(back.read("agent_pos"), store.read("agent_pos"))
    for key in ("environment_state", "action"):
        np.testing.assert_allclose(back.read(key), store.read(key), rtol=0, atol=1e-6)
    with h5py.File(tmp_path / "out.hdf5") as file:
        last = file["data/demo_1"]
        assert (last["rewards"][-1], last["dones"][-1], last["rewards"][:-1].max()) == (1.0, 1, 0.0)
        assert np.array_equal(last["next_obs/object"][:-1], last["obs/object"][1:])
        model = mujoco.MjModel.from_xml_string(last.attrs["model_file"])
        assert last["states"].shape[1] == 1 + model.nq + model.nv
        # The model and a state give the observation without our environment.
        data = mujoco.MjData(model)
        data.qpos[:] = last["states"][5, 1 : 1 + model.nq]
        mujoco.mj_forward(model, data)
        place = data.body({"Can": "Can_main"}.get(name, "cube_main")).xpos
        np.testing.assert_allclose(last["obs/object"][5][[7, 8, 9] if name == "Can" else [0, 1, 2]], place, atol=1e-6)


def test_only_stores_that_can_be_played_again_are_exported(tmp_path: Path) -> None:
    task, store = load_task("dpbench/Lift-v0"), generated(tmp_path, "Lift", 1)
    out = tmp_path / "out.hdf5"
    with pytest.raises(ConfigError, match="no public format"):
        export(load_task("dpbench/Avoid-v0"), store, out)
    rows = {key: store.read(key) for key in store.keys()}  # noqa: SIM118  # a store is no mapping

    def stored(name: str, change: dict[str, NDArray[Any]], start_seed: int) -> EpisodeStore:
        other = EpisodeStore.create(tmp_path / name, step_shapes(rows))
        other.append({**rows, **change}, start_seed)
        return other

    with pytest.raises(DataError, match=r"step 1 of episode 0 of .* differs from its replay"):
        export(task, stored("a.zarr", {"action": -rows["action"]}, 0), out)
    with pytest.raises(DataError, match=r"step 0 of episode 0 of .* differs from its replay"):
        export(task, stored("b.zarr", {}, 1), out)
    with pytest.raises(DataError, match=r"has no start seed.* dpbench demos generate dpbench/Lift-v0"):
        export(task, stored("c.zarr", {}, -1), out)
    assert not list(tmp_path.glob("*.hdf5*")) + list(tmp_path.glob(".*.tmp"))


def test_pictures_are_taken_from_a_file_or_rendered_from_its_states(tmp_path: Path) -> None:
    store, task = generated(tmp_path, "LiftImage", 2), load_task("dpbench/LiftImage-v0")
    source = tmp_path / "image.hdf5"
    export(task, store, source)
    taken = import_archive(task, source, "robomimic-hdf5", tmp_path / "taken.zarr")
    cameras = ["pixels.agentview", "pixels.robot0_eye_in_hand"]
    for camera in cameras:
        assert np.array_equal(taken.read(camera), store.read(camera))
    with h5py.File(source, "a") as file:  # four steps of the second episode, whose cube has another size
        del file["data/demo_0"]
        for camera in cameras:
            del file[f"data/demo_1/obs/{camera.removeprefix('pixels.')}_image"]
        for name in ("actions", "states", "obs/robot0_eef_pos", "obs/robot0_eef_quat", "obs/robot0_gripper_qpos"):
            values = file[f"data/demo_1/{name}"][20:24]
            del file[f"data/demo_1/{name}"]
            file[f"data/demo_1/{name}"] = values
        file["data/demo_1"].attrs["num_samples"] = 4
    rendered = import_archive(task, source, "robomimic-hdf5", tmp_path / "rendered.zarr")
    first = int(store.episode_ends[0]) + 20
    off = [np.abs(rendered.read(key).astype(float) - store.read(key, first, first + 4)).mean() for key in cameras]
    assert off[0] == 0.0
    # After a step the hand's camera is where it was one of its 25 physics steps ago.
    assert off[1] < 2.0


def test_a_published_file_is_fetched_for_the_wanted_task(
    tmp_path: Path, lift: list[dict[str, NDArray[Any]]], capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    from dataclasses import replace

    from dpbench.data import fetch as fetching
    from dpbench.data.public import public_demonstrations

    names = {
        archive.name
        for name in ("Lift", "Transport", "ToolHang")
        for archive in public_demonstrations(load_task(f"dpbench/{name}-v0")).archives
    }
    assert names == {f"robomimic/{name}" for name in (
        "lift/ph", "lift/mh", "transport/ph", "transport/mh", "tool_hang/ph",
    )}  # fmt: skip
    source, root = written(tmp_path, lift, old=False), tmp_path / "root"
    command = ["data", "fetch", "robomimic/lift/mh", "--from", str(source), "--data-dir", str(root)]
    assert main(command) == 2
    assert "it is another data set" in capsys.readouterr().err
    assert not list(root.glob("*"))

    def small(name: str, task_id: str | None) -> Any:
        dataset, task = find(name, task_id)
        return replace(dataset, n_episodes=3, n_steps=None), task

    find = fetching.find_dataset
    monkeypatch.setattr("dpbench.cli.data.find_dataset", small)
    root.mkdir(exist_ok=True)
    assert main(command) == 0
    (tmp_path / "mh").mkdir()
    source.rename(tmp_path / "mh" / "low_dim_v15.hdf5")  # as robomimic's own script lays it down
    assert main([*command[:4], str(tmp_path / "mh"), *command[5:], "--task", "LiftAbs"]) == 0
    assert "no checksum of robomimic/lift/mh is known" in capsys.readouterr().err
    assert {path.name for path in root.iterdir()} == {
        "Lift-v0-robomimic-lift-mh.zarr", "LiftAbs-v1-robomimic-lift-mh.zarr",
    }  # fmt: skip
    (tmp_path / "mh" / "low_dim_v15.hdf5").rename(root / "robomimic-lift-ph.hdf5")  # as a download leaves it
    assert main(["data", "fetch", "robomimic/lift/ph", "--data-dir", str(root)]) == 0
    assert "differs from the published file" in capsys.readouterr().err
    assert main(command) == 0
    assert "exists already" in capsys.readouterr().out
    assert main(["data", "fetch", "robomimic/lift/ph", "--task", "can"]) == 2
    assert "of dpbench/Can-v0; known are robomimic/can/mh, robomimic/can/ph" in capsys.readouterr().err


def test_training_takes_another_store_and_keeps_to_it(
    tmp_path: Path, lift: list[dict[str, NDArray[Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    for name, numbers in (("human", (0, 1, 2)), ("other", (0, 1))):
        store = EpisodeStore.create(tmp_path / f"{name}.zarr", {
            key: (lift[0][key].shape[1:], "float32") for key in ("agent_pos", "environment_state", "action")
        })  # fmt: skip
        for number in numbers:
            store.append({key: lift[number][key] for key in store.keys()})  # noqa: SIM118
    command = [
        "train", "mlp-bc", "--task", "dpbench/Lift-v0", "--set", "n_steps=2", "--set", "batch_size=4",
        "--rollouts", "0", "--data-dir", str(tmp_path), "--out", str(tmp_path / "run"),
    ]  # fmt: skip
    assert main([*command, "--store", "human"]) == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text())["data"]["store"] == "human"
    assert main([*command, "--store", str(tmp_path / "human.zarr")]) == 0
    zoo.export(tmp_path / "run", tmp_path / "zoo")
    assert "--store human" in (tmp_path / "zoo" / "README.md").read_text()
    capsys.readouterr()
    assert main([*command, "--store", "other"]) == 2
    assert "holds another run" in capsys.readouterr().err
    assert main([*command, "--store", "nowhere"]) == 2
    assert "not an episode store" in capsys.readouterr().err
