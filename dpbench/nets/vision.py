"""The camera encoder: ResNet-18 with group normalisation, spatial softmax, random crop in training.

Sources: Chi et al. 2023 (arXiv 2303.04137), Sec. 3.2: no pretraining, spatial softmax (Finn et al. 2016,
arXiv 1509.06113) for the pooling, GroupNorm (Wu & He 2018) for BatchNorm, one encoder a camera. Sizes are those
of the published "hybrid" configurations (robomimic's VisualCore: 32 keypoints, 64 features; 11.20 M parameters).
ResNet-18: He et al. 2016 (arXiv 1512.03385), Tab. 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own alias

N_KEYPOINTS = 32
DIM_CAMERA = 64
CHANNELS_A_GROUP = 16
CROPS_PX = {84: 76, 96: 84, 240: 216, 320: 288}
"""Side of an image -> side of its crop, px, in the published configurations; nine tenths for any other."""


class CameraEncoder(nn.Module):
    """One camera's images to 64 features.

    Args:
        shape: `(3, H, W)`.
        width: channels of the first stage (64 in the paper), a multiple of 16.
    """

    def __init__(self, shape: tuple[int, ...], width: int) -> None:
        super().__init__()
        self._crop = crop_size(shape[1]), crop_size(shape[2])
        self.network = nn.Sequential(
            resnet18(width), SpatialSoftmax(8 * width, N_KEYPOINTS), nn.Linear(2 * N_KEYPOINTS, DIM_CAMERA)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """`(N, 3, H, W)` in [-1, 1] to `(N, 64)`."""
        cropped = random_crop(pixels, self._crop) if self.training else centre_crop(pixels, self._crop)
        features: Tensor = self.network(cropped)
        return features


class SpatialSoftmax(nn.Module):
    """Expected image coordinates of `n_keypoints` softmax heat maps."""

    def __init__(self, dim_in: int, n_keypoints: int) -> None:
        super().__init__()
        self.heat = nn.Conv2d(dim_in, n_keypoints, 1)

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C, H, W)` to `(N, 2 * n_keypoints)`, x and y in [-1, 1]."""
        weights = self.heat(x).float().flatten(2).softmax(dim=2)  # (N, K, H * W)
        rows, columns = (torch.linspace(-1, 1, size, device=x.device) for size in x.shape[2:])
        grid = torch.cartesian_prod(rows, columns).flip(1)  # (H * W, 2), x before y
        points: Tensor = (weights @ grid).flatten(1)
        return points


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions with a shortcut."""

    def __init__(self, dim_in: int, dim_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(dim_in, dim_out, 3, stride, 1, bias=False),
            _norm(dim_out),
            nn.ReLU(),
            nn.Conv2d(dim_out, dim_out, 3, 1, 1, bias=False),
            _norm(dim_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or dim_in != dim_out:
            self.shortcut = nn.Sequential(nn.Conv2d(dim_in, dim_out, 1, stride, bias=False), _norm(dim_out))

    def forward(self, x: Tensor) -> Tensor:
        """`(N, C_in, H, W)` to `(N, C_out, H / stride, W / stride)`."""
        return F.relu(self.body(x) + self.shortcut(x))


def resnet18(width: int) -> nn.Sequential:
    """The convolutional part: `(N, 3, H, W)` to `(N, 8 * width, H / 32, W / 32)`, rounded up."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False), _norm(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
    ]  # fmt: skip
    dim = width
    for stage in range(4):
        dim_out = width * 2**stage
        layers += [BasicBlock(dim, dim_out, 1 if stage == 0 else 2), BasicBlock(dim_out, dim_out, 1)]
        dim = dim_out
    return nn.Sequential(*layers)


def crop_size(side_px: int) -> int:
    """Side of the crop for a side of the image, both in px."""
    return CROPS_PX.get(side_px, side_px * 9 // 10)


def random_crop(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """A crop at a random place of each image, from torch's global generator (seeded at every training step)."""
    height, width = size
    tops = torch.randint(pixels.shape[2] - height + 1, (len(pixels),)).to(pixels.device)
    lefts = torch.randint(pixels.shape[3] - width + 1, (len(pixels),)).to(pixels.device)
    rows = (tops[:, None] + torch.arange(height, device=pixels.device))[:, None, :, None]
    columns = (lefts[:, None] + torch.arange(width, device=pixels.device))[:, None, None, :]
    images = torch.arange(len(pixels), device=pixels.device)[:, None, None, None]
    channels = torch.arange(pixels.shape[1], device=pixels.device)[None, :, None, None]
    return pixels[images, channels, rows, columns]


def centre_crop(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """The crop in the middle of each image."""
    top, left = (pixels.shape[2] - size[0]) // 2, (pixels.shape[3] - size[1]) // 2
    return pixels[:, :, top : top + size[0], left : left + size[1]]


def _norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(max(1, channels // CHANNELS_A_GROUP), channels)
