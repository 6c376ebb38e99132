"""One training loop, its checkpoints and the policy that comes out of them."""
