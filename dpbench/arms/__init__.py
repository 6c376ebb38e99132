"""Robot arms: drivers and stations, control, teleoperation, recording and deployment."""
