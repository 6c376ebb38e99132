"""Cameras: one file each."""
