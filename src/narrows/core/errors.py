"""Everything that can go wrong, as one tree.

    NarrowsError
    ├── ConfigError        a desk file, mapping or parameter is not usable
    ├── DataError          market data is missing, broken or contradicts itself
    ├── StateError         the engine was asked for something its state does not allow
    └── VenueError         a venue refused, or did not answer
        ├── Rejected       it said no; nothing happened
        ├── RateLimited    it said later; nothing happened
        └── Unavailable    it did not say; the outcome is unknown until looked up

Each message is one line: what is wrong, where, and what to do next.
A refusal by a risk limit is not an error but a value.
"""


class NarrowsError(Exception):
    """Base of all errors that narrows raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, with the offending value.
    where : str
        File, key, table or instrument, as precisely as it is known.
    remedy : str
        What the reader can do about it.
    """

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what, where, remedy)

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"; {self.remedy}" if self.remedy else ""
        return " ".join(f"{place}{self.what}{advice}".split())


class ConfigError(NarrowsError):
    """A desk file, mapping or parameter is not usable."""


class DataError(NarrowsError):
    """Market data is missing, broken or contradicts itself."""


class StateError(NarrowsError):
    """The engine was asked for something its state does not allow."""


class VenueError(NarrowsError):
    """A venue refused or did not answer."""


class Rejected(VenueError):
    """The venue said no; nothing happened."""


class RateLimited(VenueError):
    """The venue said later; nothing happened."""


class Unavailable(VenueError):
    """The venue did not say; the outcome is unknown until it is looked up."""
