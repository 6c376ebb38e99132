"""MLP behaviour cloning."""

from __future__ import annotations

import pytest

from dpbench.baselines.mlp_bc import MlpBcConfig
from dpbench.errors import ConfigError


@pytest.mark.parametrize("change", [{"width": 0}, {"depth": 0}, {"dropout": 1.0}])
def test_bad_configuration_is_named(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(change))} = .*: expected a"):
        MlpBcConfig(**change)
