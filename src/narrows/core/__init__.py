"""The nouns: Instrument, Spread, Panel, Event, Result; units, time, money, errors, configuration."""
