"""The sources of policies that dpbench ships: name -> "module:attribute" of a PolicySource, imported when asked for."""

SOURCES = {
    "checkpoint": "dpbench.policies.sources.checkpoints:SOURCE",
    "scripted": "dpbench.policies.sources.scripted:SOURCE",
    "sb3": "dpbench.policies.sources.stable_baselines:SOURCE",
}
