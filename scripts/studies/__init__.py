"""The studies of real data: what is run, what is said of it, and the page that shows it."""
