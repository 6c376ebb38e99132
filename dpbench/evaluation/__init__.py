"""Rollouts from fixed starts, and pure functions of the recorded episodes."""
