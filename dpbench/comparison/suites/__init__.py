"""Suites: many evaluations, and the trainings that they need, as cells that are computed once."""
