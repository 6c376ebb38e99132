"""The comparison: which policy in which task from which starts, its records, and the table made of them."""
