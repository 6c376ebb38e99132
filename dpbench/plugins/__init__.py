"""Packages beside dpbench: what they may name, how they are imported, and what their code says when it fails."""
