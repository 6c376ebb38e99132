"""The actions of `dpbench arm`."""
