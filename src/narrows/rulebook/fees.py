"""What a taker pays an ordinary account's venue: the rulebook's fees, where a desk names none."""

from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.rulebook.book import PACKAGED, Rulebook


def taker_fee(instrument: Instrument, time_ns: int, book: Rulebook = PACKAGED) -> float:
    """Taker fee of an ordinary account, as a fraction of notional.

    Raises
    ------
    ConfigError
        If the rulebook does not know the venue, or not yet at that date.
    """
    try:
        return book.fees(instrument, time_ns).taker
    except ConfigError as error:
        remedy = f"give taker_bps in [venues.{instrument.venue}], or {error.remedy}"
        raise ConfigError(error.what, error.where, remedy) from None
