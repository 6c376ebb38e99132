"""Deployment of a policy on an arm: inference beside the control loop, episodes, sessions and reports."""
