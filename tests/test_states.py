"""Vectors from outside are real numbers within named bounds, or refused in one line."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
import pytest

from dpbench.errors import ConfigError, shown
from dpbench.mujoco_states import integration_fields
from dpbench.numbers import real_numbers
from dpbench.states import StateField, check_state

FIELDS = (StateField("x", -1.0, 1.0, "m", count=2), StateField("steps", 0, 9, whole=True))
MODEL = """
<mujoco>
  <worldbody>
    <body mocap="true"/>
    <body name="free"><freejoint name="loose"/><geom size="1"/></body>
    <body><joint type="ball" name="ball"/><geom size="1"/>
      <body name="turning"><joint type="hinge" name="hinge" range="-90 90" limited="true"/><geom size="1"/></body>
    </body>
  </worldbody>
  <equality><weld body1="free" body2="turning" active="false"/></equality>
  <actuator><general joint="hinge" dyntype="integrator"/></actuator>
</mujoco>"""


def test_a_state_is_copied_as_float64() -> None:
    given = np.array([0.5, -0.5, 3.0])
    taken = check_state(given, FIELDS)
    assert taken.dtype == np.float64
    assert not np.shares_memory(taken, given)
    assert check_state([0, 1], FIELDS, least=2).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ([0.0, 2.0, 1.0], r"state\[1\] = 2 \(x\): expected a number from -1 to 1 m\."),
        ([0.0, np.nan, 1.0], r"state\[1\] = nan \(x\)"),
        ([0.0, 0.0, 1.5], r"state\[2\] = 1\.5 \(steps\): expected a whole number from 0 to 9\."),
        ([0.0, 0.0], r"state of shape \(2,\): expected 3 finite numbers, as get_state gives them\."),
        ([[0.0, 0.0, 0.0]], r"state of shape \(1, 3\)"),
        ([0.0, 0.0, 1j], r"is not an array of numbers \(its type is complex128\): expected 3"),
        ([True, False, True], "its type is bool"),
        (["0", "0", "1"], "its type is <U1"),
        ([10**400, 0, 0], "its type is object"),
        (np.ma.masked_array([0.0, 0.0, 1.0], mask=[0, 1, 0]), "has masked values"),
        ([[0.0], [0.0, 1.0]], "is not an array of numbers"),
    ],
)
def test_a_bad_state_is_named(state: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_state(state, FIELDS)
    assert "\n" not in str(caught.value)


def test_numbers_of_every_size_are_numbers() -> None:
    for dtype in (np.float16, np.float32, np.float64, np.longdouble, np.int8, np.uint64):
        assert real_numbers(np.ones(3, dtype=dtype)).dtype == np.float64
    given = np.ones(3)
    assert real_numbers(given) is given


def test_a_value_is_shown_in_one_short_line_whatever_it_is() -> None:
    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no text")

    assert shown(np.zeros((3, 3))) == "array([[0., 0., 0.], [0., 0., 0.], [0., 0., 0.]])"
    assert shown(Broken()) == "<Broken>"
    assert shown(10**5000) == "<int>"
    assert len(shown("x" * 1000)) < 100


def test_the_fields_of_a_mujoco_state_are_in_its_order() -> None:
    """Each part of a state is set to a number of its own: the field at its place has the part's name."""
    model = mujoco.MjModel.from_xml_string(MODEL)
    data, kind = mujoco.MjData(model), mujoco.mjtState
    fields = integration_fields(model, (StateField("control", -1.0, 1.0),), past_limits=0.5, joint_speed=40.0)
    names = [field.name for field in fields for _ in range(field.count)]
    assert len(names) == mujoco.mj_stateSize(model, kind.mjSTATE_INTEGRATION)
    for part, array in {
        "activation": data.act,
        "warm start of the solver": data.qacc_warmstart,
        "control": data.ctrl,
        "switch of a constraint": data.eq_active,
        "place of a marker": data.mocap_pos,
        "quaternion of a marker": data.mocap_quat,
    }.items():
        before, after = np.empty(len(names)), np.empty(len(names))
        array[:] = 0
        mujoco.mj_getState(model, data, before, kind.mjSTATE_INTEGRATION)
        array[:] = 1
        mujoco.mj_getState(model, data, after, kind.mjSTATE_INTEGRATION)
        assert {names[at] for at in np.flatnonzero(before != after)} == {part}
    speeds = [(field.name, field.count, field.high) for field in fields if field.name.endswith("velocity")]
    assert speeds == [("loose, velocity", 6, 1e4), ("ball, velocity", 3, 40.0), ("hinge, velocity", 1, 40.0)]
    data.qvel[:] = 0.123
    state = np.empty(len(names))
    mujoco.mj_getState(model, data, state, kind.mjSTATE_INTEGRATION)
    assert [name.endswith("velocity") for name in names] == (state == 0.123).tolist()
    hinge = next(field for field in fields if field.name == "hinge")
    assert (hinge.low, hinge.high) == pytest.approx((-np.pi / 2 - 0.5, np.pi / 2 + 0.5))
    assert [field.name for field in fields[1:5]] == ["loose, place", "loose, quaternion", "ball, quaternion", "hinge"]
