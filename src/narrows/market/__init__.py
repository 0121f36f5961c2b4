"""Markets as arrays: synthetic ones whose truth is known."""
