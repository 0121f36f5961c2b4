"""Markets as arrays: order books, and synthetic ones whose truth is known."""
