"""One instrument's book kept from its messages, by the rule of its venue; in doubt it is not tradable.

Nothing here reads a clock or a socket: every message comes with the time of its receipt, so a recording
drives a book just as a connection does, and gives the same.

A venue that sends snapshots when asked (`Rule.in_stream` false) numbers its changes, and the snapshot
falls somewhere among them. So the last changes are always kept: before the snapshot those that it is
joined to, afterwards those that bring a second snapshot up to the moment of the book it is compared with.

Such a snapshot ends at some depth, and of what lies beyond the book knows only what has changed since.
`reach` says where that begins: a cost reckoned beyond it is too high, and no difference there is counted.
"""

from collections import Counter, deque

from narrows.market.book import NONE, Best, apply, best, clear, empty_book, levels
from narrows.venue.feed.compare import ALL, deeper, differences, mend, reach_of
from narrows.venue.feed.levels import Fault, Rows, Scale, scan, texts
from narrows.venue.feed.messages import Delta, Message, Snapshot, Unknown
from narrows.venue.feed.reason import Doubt, Outcome
from narrows.venue.feed.sequence import Rule, Verdict

_CHECKED = 25  # levels of each side that a checksum may be taken over

_OUTCOME = {
    Fault.MALFORMED: Outcome.MALFORMED,
    Fault.NEGATIVE: Outcome.NEGATIVE,
    Fault.OFF_TICK: Outcome.OFF_TICK,
    Fault.OFF_LOT: Outcome.OFF_LOT,
    Fault.TOO_LONG: Outcome.TOO_LONG,
}


class BookFeed:
    """The book of one instrument.

    Parameters
    ----------
    symbol : str
        As the venue writes it.
    grid : Scale
        Tick and lot.
    rule : Rule
        Of the venue.
    stale_ms : int
        Silence of the book after which it is not trusted; as long a book may stay crossed before it is
        asked for anew.
    skew_ms : int
        How far the venue's times may lie from those of receipt, either way.
    kept : int
        Changes kept for joining and comparing snapshots.

    Attributes
    ----------
    book : Book
        For reading. Empty while a snapshot is waited for.
    last : int
        The update that the book includes; -1 = not numbered, or no book.
    reach : Reach
        Between which prices the book holds every level.
    venue_ns, now_ns : int
        The venue's time of the last message of the book, and the time of the last receipt.
    changes : list of Rows, or None
        What the last message changed, in the order applied; None = a snapshot made the book anew.
    outcomes : Counter of Outcome
        Together with `undecided` they make up the messages taken.
    doubts : Counter of Doubt
    """

    def __init__(
        self,
        symbol: str,
        grid: Scale,
        rule: Rule,
        *,
        stale_ms: int = 5_000,
        skew_ms: int = 5_000,
        kept: int = 1_000,
    ) -> None:
        self.symbol, self.grid, self.rule = symbol, grid, rule
        self.book, self.last, self.reach = empty_book(), -1, ALL
        self.venue_ns = self.now_ns = 0
        self.changes: list[Rows] | None = []
        self.outcomes: Counter[Outcome] = Counter()
        self.doubts: Counter[Doubt] = Counter({Doubt.WAITING: 1})
        self._stale_ns, self._skew_ns = stale_ms * 1_000_000, skew_ms * 1_000_000
        self._cause: Doubt | None = Doubt.WAITING  # why there is no book
        self._joined = False  # a change has followed the snapshot
        self._newest = -1  # the last update known to follow a book of ours, whether it could be read or not
        self._blind = False  # the last change had a number, but none that would show a loss before it
        self._depth = 0
        self._kept: deque[Delta] = deque(maxlen=kept)  # not yet in the book if there is none, else in it
        self._fresh: Snapshot | None = None  # to be compared once the book has come so far
        self._digits: tuple[dict[int, tuple[str, str]], ...] = ({}, {})  # by side and tick, for the checksum
        self._heard_ns = self._crossed_ns = 0
        self._clock: Doubt | None = None  # what is wrong with the times of the last message
        self._state: Doubt | None = None  # what is wrong with the best prices
        self._silent = False

    # ── what it is asked ─────────────────────────────────────────────────────────────────────────────

    @property
    def doubt(self) -> Doubt | None:
        """Why the book is not to be traded on; None = it is."""
        if self._cause is not None:
            return self._cause
        return Doubt.STALE if self._silent else (self._clock or self._state)

    @property
    def tradable(self) -> bool:
        """Whether the book may be traded on."""
        return self.doubt is None

    @property
    def is_whole(self) -> bool:
        """Whether there is a book, tradable or not."""
        return self._cause is None

    @property
    def wants_snapshot(self) -> bool:
        """Whether a snapshot should be asked for, or the stream subscribed to anew."""
        return self._cause is not None or self._state is Doubt.BEYOND

    @property
    def undecided(self) -> int:
        """Messages taken whose outcome waits for another."""
        return (len(self._kept) if self._cause is not None else 0) + (self._fresh is not None)

    def best(self) -> Best:
        """Best bid and ask in ticks and lots."""
        return best(self.book)

    # ── what it is told ──────────────────────────────────────────────────────────────────────────────

    def take(self, message: Message, received_ns: int) -> None:
        """The next message.

        Parameters
        ----------
        message : Message
            Of any kind: what does not concern the book only moves the time.
        received_ns : int
            When it was received, nanoseconds UTC.
        """
        self.wait(received_ns)
        self.changes = []
        if type(message) is Delta:
            if message.symbol == self.symbol:
                self._delta(message)
                return
            outcome = Outcome.ELSEWHERE
        elif type(message) is Snapshot:
            if message.symbol == self.symbol:
                self._snapshot(message)
                return
            outcome = Outcome.ELSEWHERE
        elif type(message) is Unknown:
            outcome = Outcome.UNKNOWN
            if self._cause is None and (self.last < 0 or self._blind):  # it may have been a change
                self._lose(Doubt.UNKNOWN)
        else:
            outcome = Outcome.NOT_BOOK
        self.outcomes[outcome] += 1

    def wait(self, now_ns: int) -> None:
        """Time has passed: with a message, or without."""
        if now_ns < self.now_ns:
            self.doubts[Doubt.CLOCK_BACK] += 1
            self._clock = Doubt.CLOCK_BACK
            self._heard_ns = min(self._heard_ns, now_ns)
        elif self._clock is Doubt.CLOCK_BACK:
            self._clock = None
        self.now_ns = now_ns
        if self._cause is None and not self._silent and now_ns - self._heard_ns > self._stale_ns:
            self._silent = True
            self.doubts[Doubt.STALE] += 1

    def break_off(self, now_ns: int) -> None:
        """The connection was lost, or the recording ends in the middle: what follows is another stream."""
        self.wait(now_ns)
        self._lose(Doubt.BROKEN)
        self._newest = -1
        if self._kept:
            self.outcomes[Outcome.MISSED] += len(self._kept)
            self._kept.clear()

    # ── times ────────────────────────────────────────────────────────────────────────────────────────

    def _timed(self, message: Delta | Snapshot) -> None:
        """Judge the venue's time of what is about to be applied."""
        if message.time_ns <= 0:
            return
        lag = self.now_ns - message.time_ns
        if message.time_ns < self.venue_ns:
            wrong = Doubt.VENUE_BACK
        elif lag > self._skew_ns:
            wrong = Doubt.LATE
        elif lag < -self._skew_ns:
            wrong = Doubt.AHEAD
        else:
            if self._clock is not Doubt.CLOCK_BACK:
                self._clock = None
            self.venue_ns = message.time_ns
            return
        if wrong is not Doubt.AHEAD:  # else every time that is right would be behind it
            self.venue_ns = message.time_ns
        self.doubts[wrong] += 1
        self._clock = wrong

    # ── changes ──────────────────────────────────────────────────────────────────────────────────────

    def _delta(self, delta: Delta) -> None:
        if self._cause is not None:
            self._hold(delta)
            return
        verdict = self._judge(delta)
        if verdict is Verdict.APPLY:
            self._newest = delta.last
            self._timed(delta)
            self._apply(delta)
        elif verdict is Verdict.OLD:
            self.outcomes[self._old(delta)] += 1
        else:
            self._lose(Doubt.GAP)
            self._hold(delta)

    def _judge(self, delta: Delta) -> Verdict:
        if delta.last < 0 <= self.last:  # no number, in a book that has them
            return Verdict.GAP
        return (self.rule.follows if self._joined else self.rule.joins)(self.last, delta)

    def _old(self, delta: Delta) -> Outcome:
        if not self._joined:
            return Outcome.INCLUDED
        return Outcome.DUPLICATE if delta.last == self.last else Outcome.OUT_OF_ORDER

    def _hold(self, delta: Delta) -> None:
        """Keep a change until there is a snapshot, where it can be joined to one."""
        if self.rule.in_stream:
            self.outcomes[Outcome.UNJOINED] += 1
            return
        if len(self._kept) == self._kept.maxlen:
            self.outcomes[Outcome.OVERFLOW] += 1
        self._kept.append(delta)

    def _apply(self, delta: Delta) -> None:
        rows = scan(delta.bids, delta.asks, self.grid)
        if isinstance(rows, Fault):
            self.outcomes[_OUTCOME[rows]] += 1
            self._lose(Doubt.DAMAGED)
            return
        self._change(rows)
        self.last, self._joined = delta.last, True
        self._blind = delta.first < 0 and delta.previous < 0
        self._heard_ns, self._silent = self.now_ns, False
        if self._depth:
            self._cut()
        if self.rule.checksum is not None and not self._checks(delta, rows):
            return
        if not self.rule.in_stream:
            self._kept.append(delta)
        self.outcomes[Outcome.APPLIED] += 1
        self._look()
        if self._fresh is not None and self._fresh.sequence <= self.last:
            self._compare(self._fresh)

    def _change(self, rows: Rows) -> None:
        apply(self.book, *rows)
        if self.changes is not None:
            self.changes.append(rows)

    def _cut(self) -> None:
        """Drop what lies below the depth that the venue speaks of."""
        for is_ask in (False, True):
            ticks, lots = levels(self.book, is_ask)
            if len(ticks) > self._depth:
                below = ticks[self._depth :]
                self._change(Rows((below > 0) & is_ask, below, lots[self._depth :] * 0))

    def _checks(self, message: Delta | Snapshot, rows: Rows) -> bool:
        """Whether the book has the checksum of the message; else it is given up."""
        sent = (texts(message.bids), texts(message.asks))
        places = zip(rows.is_ask.tolist(), rows.ticks.tolist(), [*sent[0], *sent[1]], strict=True)
        for is_ask, tick, digits in places:
            self._digits[is_ask][tick] = digits
        if message.checksum is None or self.rule.checksum is None:
            return True
        sides = []
        for is_ask in (False, True):
            ticks, _ = levels(self.book, is_ask, _CHECKED)
            sides.append([self._digits[is_ask][tick] for tick in ticks.tolist()])
        if self.rule.checksum(*sides) == message.checksum:
            return True
        self.outcomes[Outcome.CHECKSUM] += 1
        self._lose(Doubt.CHECKSUM)
        return False

    def _look(self) -> None:
        """Judge the best prices, after each change."""
        bid, _, ask, _ = best(self.book)
        low, high = self.reach
        wrong = None
        if NONE in (bid, ask):
            wrong = Doubt.EMPTY
        elif bid >= ask:
            wrong = Doubt.CROSSED
        elif (low is not None and bid < low) or (high is not None and ask > high):
            wrong = Doubt.BEYOND
        if wrong is not self._state:
            self._state = wrong
            if wrong is not None:
                self.doubts[wrong] += 1
                self._crossed_ns = self.now_ns
        elif wrong is Doubt.CROSSED and self.now_ns - self._crossed_ns > self._stale_ns:
            self._lose(Doubt.CROSSED)

    # ── snapshots ────────────────────────────────────────────────────────────────────────────────────

    def _snapshot(self, snapshot: Snapshot) -> None:
        if self._cause is None and not self.rule.in_stream:
            if snapshot.sequence <= self.last:
                self._compare(snapshot)
            else:  # the book is not there yet
                self._drop_fresh()
                self._fresh = snapshot
            return
        if self._cause is None and 0 < snapshot.time_ns < self.venue_ns:
            self.outcomes[Outcome.OUT_OF_ORDER] += 1
            return
        rows = scan(snapshot.bids, snapshot.asks, self.grid)
        if isinstance(rows, Fault):
            self.outcomes[_OUTCOME[rows]] += 1
            if self._cause is None:
                self._lose(Doubt.DAMAGED)
            return
        if self.rule.in_stream:
            self._sent(snapshot, rows)
        else:
            self._join(snapshot, rows)

    def _put(self, snapshot: Snapshot, rows: Rows) -> None:
        clear(self.book)
        apply(self.book, *rows)
        self.changes = None
        self.last, self._joined, self._depth = snapshot.sequence, False, snapshot.depth
        self._blind = False
        self._cause = None
        self._heard_ns, self._silent = self.now_ns, False
        for side in self._digits:
            side.clear()

    def _sent(self, snapshot: Snapshot, rows: Rows) -> None:
        """A snapshot in the stream is the book, and if it is the same moment's, a test of the old one."""
        self._timed(snapshot)
        if self._cause is None and self.last == snapshot.sequence >= 0:
            fresh = empty_book()
            apply(fresh, *rows)
            self._differ(differences(self.book, fresh, ALL))
        self._put(snapshot, rows)
        if self.rule.checksum is None or self._checks(snapshot, rows):
            self.outcomes[Outcome.ADOPTED] += 1
            self._look()

    def _join(self, snapshot: Snapshot, rows: Rows) -> None:
        """A snapshot that was asked for, and the changes that have waited for it."""
        cause, waiting = self._cause, list(self._kept)
        self._put(snapshot, rows)
        self._kept.clear()
        self.reach = reach_of(self.book)
        for place, delta in enumerate(waiting):
            verdict = self._judge(delta)
            if verdict is Verdict.GAP and not self._joined:
                self._forget(cause)
                self._kept.extend(waiting[place:])
                self.outcomes[Outcome.SNAPSHOT_TOO_OLD] += 1
                return
            if verdict is Verdict.GAP:
                self._lose(Doubt.GAP)
                self._kept.extend(waiting[place:])
                break
            if verdict is Verdict.OLD:
                self.outcomes[self._old(delta)] += 1
                continue
            self._apply(delta)
            if self._cause is not None:  # it could not be read
                self._kept.extend(waiting[place + 1 :])
                break
        if self._cause is None and self.last < self._newest:  # what is missing was lost with the old book
            self._forget(cause)
            self._kept.clear()
            self.outcomes[Outcome.SNAPSHOT_TOO_OLD] += 1
            return
        self.outcomes[Outcome.ADOPTED] += 1
        if self._cause is None:
            self._look()

    def _compare(self, snapshot: Snapshot) -> None:
        """Bring a fresh snapshot up to where the book is, compare, and take over what differs or is new."""
        self._fresh = None
        rows = scan(snapshot.bids, snapshot.asks, self.grid)
        if isinstance(rows, Fault):
            self.outcomes[_OUTCOME[rows]] += 1
            return
        fresh, last, joined = empty_book(), snapshot.sequence, False
        apply(fresh, *rows)
        reach = reach_of(fresh)
        for delta in self._kept if last != self.last else ():
            verdict = (self.rule.follows if joined else self.rule.joins)(last, delta)
            if verdict is Verdict.GAP:
                break
            changes = scan(delta.bids, delta.asks, self.grid)
            if verdict is Verdict.APPLY and isinstance(changes, Rows):
                apply(fresh, *changes)
                last, joined = delta.last, True
        if last != self.last:
            self.outcomes[Outcome.SNAPSHOT_TOO_OLD] += 1
            return
        self.outcomes[Outcome.COMPARED] += 1
        wrong = differences(self.book, fresh, deeper(self.reach, reach, least=True))
        self._differ(wrong)
        mend(self.book, fresh, reach)
        self.changes = None
        self.reach = reach if wrong else deeper(self.reach, reach)
        self._look()

    def _differ(self, wrong: int) -> None:
        if wrong:
            self.doubts[Doubt.DIFFERS] += wrong

    # ── giving up ────────────────────────────────────────────────────────────────────────────────────

    def _forget(self, cause: Doubt | None) -> None:
        """Have no book, for that cause."""
        clear(self.book)
        self._cause, self._state = cause, None
        self.last, self.reach, self._joined = -1, ALL, False

    def _lose(self, cause: Doubt) -> None:
        """Give the book up."""
        self.doubts[cause] += 1
        if self._cause is None:
            self._kept.clear()  # they were in the book
        self._drop_fresh()
        self._forget(cause)

    def _drop_fresh(self) -> None:
        if self._fresh is not None:
            self.outcomes[Outcome.OVERTAKEN] += 1
            self._fresh = None
