"""The outside world behind one protocol: what happens arrives as events, what we want leaves as commands."""
