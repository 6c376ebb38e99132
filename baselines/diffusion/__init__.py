"""Diffusion Policy, Chi et al. 2023 (arXiv 2303.04137): schedule, samplers and the policy with its two networks."""

from .policy import CNN as CNN
from .policy import TRANSFORMER as TRANSFORMER
