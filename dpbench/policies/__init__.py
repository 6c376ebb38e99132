"""What acts: the Policy protocol, noise streams, the runner, learned policies, checkpoints, and opening by name."""
