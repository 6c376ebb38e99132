"""The leaderboard as one HTML file that needs no network: content from the records, template, style and scripts."""
