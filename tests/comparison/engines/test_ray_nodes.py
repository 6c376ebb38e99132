"""A suite on two Ray nodes, one of which is killed in mid-run: all cells end, with the local engine's figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dpbench.comparison.engines.engine import Engine
from dpbench.comparison.engines.local import LocalEngine
from dpbench.comparison.engines.ray import STORE_BYTES, RayEngine
from dpbench.comparison.suites.expansion import Setting, expand
from dpbench.comparison.suites.run import Told, run
from dpbench.comparison.suites.store import Store
from dpbench.comparison.suites.suite import read_suites
from dpbench.data.episodes import EpisodeStore, step_shapes
from dpbench.demonstrations.generation import demonstrate

SUITE = """
[evaluation]
episodes = 4
[[train]]
methods = ["mlp-bc"]
tasks = ["Avoid-v0"]
set = {{ n_steps = 40, width = 16, batch_size = 8 }}
store = "{store}"
[[policies]]
names = ["hold", "random", "demonstrator"]
tasks = ["Avoid-v0"]
"""


@pytest.fixture
def cluster() -> Iterator[Any]:
    """A head and a second node, each with one core, on the loopback."""
    pytest.importorskip("ray")
    Path("/tmp/ray").mkdir(exist_ok=True)  # where Ray notes the newest cluster
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "node_ip_address": "127.0.0.1", "object_store_memory": STORE_BYTES}
    made = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    made.add_node(**node)
    yield made
    made.shutdown()


def figures(folder: Path) -> list[str]:
    """What decides a comparison: all of the records but latency, date and machine."""
    found = []
    for path in (folder / "records").glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        record["trajectories"] = record["trajectories"]["sha256"]
        found.append(
            json.dumps({key: record[key] for key in ("identity", "cell", "summary", "episodes", "trajectories")})
        )
    return sorted(found)


def computed(folder: Path, suite: Path, engine: Engine, told: list[Told], on_told: Any = lambda _: None) -> None:
    folder.mkdir()
    store = Store(folder / "store", folder / "records")
    expanded = expand(read_suites(suite), Setting(store, Path("zoo")))

    def tell(one: Told) -> None:
        told.append(one)
        on_told(one)

    assert run(expanded.stages, store, engine, tell) == ()


def test_a_node_that_is_killed_costs_no_cell_and_moves_no_figure(tmp_path: Path, cluster: Any) -> None:
    made = demonstrate("dpbench/Avoid-v0", 0)
    episodes = EpisodeStore.create(tmp_path / "avoid.zarr", step_shapes(made.arrays), {"task": "dpbench/Avoid-v0"})
    for _ in range(2):
        episodes.append(made.arrays, made.start_seed)
    suite = tmp_path / "suite.toml"
    suite.write_text(SUITE.format(store=tmp_path / "avoid.zarr"))
    second = next(iter(cluster.worker_nodes))
    engine = RayEngine(cluster.address, 2)
    told: list[Told] = []

    def kill(_: Told) -> None:
        """End the second node once both are at work."""
        busy = [one for one in engine._seating._seats if one.job is not None]
        if second in cluster.worker_nodes and len({one.machine.key for one in busy}) == 2:
            cluster.remove_node(second, allow_graceful=False)

    computed(tmp_path / "ray", suite, engine, told, kill)
    assert second not in cluster.worker_nodes
    assert any(one.what == "again" and "is gone" in one.reason for one in told)
    assert any(one.what == "progress" for one in told)
    computed(tmp_path / "local", suite, LocalEngine(2), [])
    assert figures(tmp_path / "ray") == figures(tmp_path / "local")
    assert len(figures(tmp_path / "ray")) == 4
