"""Records that others made: everything in them is checked again before they stand beside our own."""
