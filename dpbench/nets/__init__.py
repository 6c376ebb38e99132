"""Encoders and blocks that two or more baselines use."""
