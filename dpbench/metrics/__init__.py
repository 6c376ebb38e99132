"""What is measured: pure functions of recorded episodes."""
