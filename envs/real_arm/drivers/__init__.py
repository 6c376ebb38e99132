"""Drivers of arms: one file each."""
