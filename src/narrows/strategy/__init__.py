"""What to hold: the strategy protocol, the native `decide`, and the strategies that ship."""
