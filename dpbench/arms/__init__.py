"""Real arms: what a driver is, the path between waypoints, and the limits that every command passes."""
