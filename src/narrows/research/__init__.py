"""Research runs over many spreads: the scan."""
