"""What runs policies and measures them: the loop that steps environments, rollouts, latency, action distribution."""
