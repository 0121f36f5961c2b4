"""From what a strategy wants to orders, leg by leg."""
