"""Actions of `dpbench leaderboard`."""
