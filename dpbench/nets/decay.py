"""Which parameters of a transformer are trained without weight decay.

Source: `configure_optimizers` of karpathy/minGPT (mingpt/model.py): weights of linear layers are decayed; biases, norms
and embeddings are not. `get_optim_groups` of diffusion_policy's TransformerForDiffusion decays attention, too.
"""

from __future__ import annotations

from torch import nn

from dpbench.nets.observations import ObservationEncoder


def all_but_matrices(module: nn.Module) -> frozenset[str]:
    """Names of all parameters except the matrices of linear and attention layers.

    Nothing of an ObservationEncoder is decayed either: `obs_encoder_weight_decay` is 1e-6 in diffusion_policy's
    configurations with cameras, and `transformer_weight_decay` 1e-3.
    """
    encoders = [part for part in module.modules() if isinstance(part, ObservationEncoder)]
    encoded = {id(layer) for encoder in encoders for layer in encoder.modules()}
    matrices = {
        id(parameter)
        for layer in module.modules()
        if isinstance(layer, nn.Linear | nn.MultiheadAttention) and id(layer) not in encoded
        for parameter in layer.parameters(recurse=False)
        if parameter.ndim > 1
    }
    return frozenset(name for name, parameter in module.named_parameters() if id(parameter) not in matrices)
