"""Diffusion Policy, Chi et al. 2023 (arXiv 2303.04137): schedule, samplers, networks and the policy."""

from .policy import CNN as CNN
