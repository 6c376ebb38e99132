"""The control loop of an arm, the path that it follows and the limits that every command passes."""
