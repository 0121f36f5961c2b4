"""Borrowing: which hours of a loan are charged.

Venues do not charge a loan by the second. A loan of two minutes costs an hour at one venue (each
begun hour, the first at once), nothing at another (whoever owes when the clock strikes), and an
hour-old loan may have cost two.
"""

from narrows.core.cache import compiled
from narrows.core.time import HOUR_NS, MINUTE_NS
from narrows.rulebook.coins import BEGUN, CONTINUOUS, STYLES, BorrowRule


def clock_of(rule: BorrowRule) -> tuple[int, int, int]:
    """Style, period and offset of a rule's clock, as `hours_charged` takes them; nanoseconds."""
    return STYLES[rule.charged], round(rule.every_h * HOUR_NS), round(rule.minute * MINUTE_NS)


@compiled
def _up(time_ns: int, every_ns: int, offset_ns: int) -> int:
    """How many strikes of the clock lie before a time: those at ``offset + n · every < time``."""
    strikes: int = -((offset_ns - time_ns) // every_ns)
    return strikes


@compiled
def hours_charged(
    style: int, every_ns: int, offset_ns: int, opened_ns: int, start_ns: int, end_ns: int
) -> float:
    """Hours that a loan is charged in [start, end), if it is owed all that time.

    Windows that follow each other add up to the whole: nothing is charged twice or forgotten.

    Parameters
    ----------
    style : int
        BEGUN: each hour of the clock that the loan touches, the first one when it is opened.
        STRUCK: each strike of the clock at which it is owed. CONTINUOUS: as long as it lasts.
    every_ns, offset_ns : int
        The clock: strikes at ``offset + n · every`` since the epoch, each for a whole `every`. 1 h
        and 0 on the full hour; 5 min where it strikes five past (Bybit); 24 h where daily.
    opened_ns, start_ns, end_ns : int
        UTC. What is before `opened_ns` is not charged.

    Returns
    -------
    float
        0.0 if the window is empty.

    References
    ----------
    Binance FAQ 360030157812 (begun: 13:20 to 14:15 is two hours); OKX help, "Interest calculation"
    (struck: opened 14:55 and repaid 14:57 is none); Bybit help, "Borrowing-repayment" (struck at :05).
    """
    start = max(start_ns, opened_ns)
    if end_ns <= start:
        return 0.0
    if style == CONTINUOUS:
        return (end_ns - start) / HOUR_NS
    strikes = _up(end_ns, every_ns, offset_ns) - _up(start, every_ns, offset_ns)
    if style == BEGUN and start == opened_ns and (start - offset_ns) % every_ns != 0:
        strikes += 1  # the hour it was opened in; on the strike itself that is the strike's own
    return strikes * (every_ns / HOUR_NS)
