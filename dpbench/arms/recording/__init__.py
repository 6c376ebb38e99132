"""Demonstrations on an arm: who leads it, what is written, and sessions of it."""
