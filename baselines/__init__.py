"""The methods that dpbench ships: name -> "module:attribute" of a Baseline, imported when it is asked for."""

if __name__ != "dpbench.baselines":
    raise ImportError(f"import this package as 'dpbench.baselines', not as {__name__!r}: one module has one name.")

BASELINES = {
    "random": "dpbench.baselines.scripted:RANDOM",
    "hold": "dpbench.baselines.scripted:HOLD",
    "demonstrator": "dpbench.baselines.scripted:DEMONSTRATOR",
    "nearest-neighbour": "dpbench.baselines.nearest_neighbour:BASELINE",
    "mlp-bc": "dpbench.baselines.mlp_bc:BASELINE",
    "lstm-gmm": "dpbench.baselines.lstm_gmm:BASELINE",
    "ibc": "dpbench.baselines.ibc:BASELINE",
    "bet": "dpbench.baselines.bet:BASELINE",
    "vq-bet": "dpbench.baselines.vq_bet:BASELINE",
    "act": "dpbench.baselines.act:BASELINE",
    "action-tokens": "dpbench.baselines.action_tokens:BASELINE",
    "flow-matching": "dpbench.baselines.flow_matching:BASELINE",
    "diffusion-cnn": "dpbench.baselines.diffusion:CNN",
    "diffusion-transformer": "dpbench.baselines.diffusion:TRANSFORMER",
}
