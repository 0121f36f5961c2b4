"""The command line: words only, no rules of its own."""
