"""Demonstrations: the episode store, public formats, windows and normalisation."""
