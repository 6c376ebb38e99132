"""Cameras of real arms: a file each."""
