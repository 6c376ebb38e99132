"""A table of strings: nothing is imported until the policy is asked for."""

BASELINES = {"linear-bc": "my_baseline.policy:BASELINE"}
