"""The camera encoder."""

from __future__ import annotations

import pytest
import torch

from dpbench.nets.vision import CameraEncoder, SpatialSoftmax, centre_crop, crop_size, random_crop


@pytest.mark.parametrize(("side", "crop"), [(84, 76), (96, 84), (240, 216), (320, 288), (40, 36)])
def test_crops_are_the_published_ones(side: int, crop: int) -> None:
    assert crop_size(side) == crop


def test_random_crops_are_parts_of_their_pictures_and_differ() -> None:
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(10.0), torch.arange(12.0), indexing="ij")
    pixels = torch.stack([rows, columns, torch.zeros_like(rows)]).expand(64, 3, 10, 12)
    cropped = random_crop(pixels, (8, 9))
    assert cropped.shape == (64, 3, 8, 9)
    tops, lefts = cropped[:, 0, 0, 0], cropped[:, 1, 0, 0]
    assert set(tops.tolist()) == {0, 1, 2}
    assert set(lefts.tolist()) == {0, 1, 2, 3}
    assert torch.equal(cropped[:, 0] - tops.view(-1, 1, 1), rows[:8, :9].expand(64, 8, 9))
    assert torch.equal(centre_crop(pixels, (8, 9))[5, :2, 0, 0], torch.tensor([1.0, 1.0]))


def test_spatial_softmax_points_at_the_hottest_pixel() -> None:
    layer = SpatialSoftmax(1, 1)
    torch.nn.init.constant_(layer.heat.weight, 100.0)
    picture = torch.zeros(1, 1, 5, 5)
    picture[0, 0, 0, 4] = 1.0
    torch.testing.assert_close(layer(picture), torch.tensor([[1.0, -1.0]]), rtol=0, atol=1e-3)


def test_evaluation_is_deterministic_and_training_is_not() -> None:
    torch.manual_seed(0)
    encoder, pixels = CameraEncoder((3, 40, 40), 16), torch.rand(2, 3, 40, 40)
    with torch.no_grad():
        assert not torch.equal(encoder(pixels), encoder(pixels))
        encoder.eval()
        assert torch.equal(encoder(pixels), encoder(pixels))
        assert encoder(pixels).shape == (2, 64)
