"""Drivers of real arms: a file each."""
