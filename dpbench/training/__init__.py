"""What learns: one training loop for every method, its resumable state, and the zoo of trained checkpoints."""
