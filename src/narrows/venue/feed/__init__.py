"""Feeds: each venue's messages read into one shape, and books kept by that venue's own rules."""
