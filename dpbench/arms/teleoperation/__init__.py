"""Teleoperation: keys, live view, and the devices that move the tool."""
