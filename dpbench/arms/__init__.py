"""Real arms: what drivers and stations are, how they are controlled, recorded and run."""
