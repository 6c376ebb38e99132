"""The methods that dpbench ships: name -> "module:attribute" of a Baseline, imported when it is asked for."""

if __name__ != "dpbench.baselines":
    raise ImportError(f"import this package as 'dpbench.baselines', not as {__name__!r}: one module has one name.")

BASELINES = {
    "random": "dpbench.baselines.floor:RANDOM",
    "hold": "dpbench.baselines.floor:HOLD",
    "mlp-bc": "dpbench.baselines.mlp_bc:BASELINE",
    "diffusion-cnn": "dpbench.baselines.diffusion:CNN",
}
