"""The runner: events in, one pure step, commands out, everything in the journal."""
