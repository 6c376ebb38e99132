"""The person at the arm: keys, a window, and devices to move it with."""
