"""What is sent to an arm: its control loop, the path that it follows and the limits that every command passes."""
