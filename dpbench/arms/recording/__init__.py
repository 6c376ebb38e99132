"""Recording of demonstrations on an arm: where goals come from, what is stored, and sessions."""
