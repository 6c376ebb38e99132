"""A policy on an arm: beside the control loop, an episode at a time, and what is reported."""
