"""Targets become orders: one for each leg that has to move, with an id fixed before it is sent."""

from collections.abc import Sequence

from narrows.core.decimals import quantity_text
from narrows.core.event import Submit
from narrows.core.instrument import Instrument


def plan(
    desk: str,
    time_ns: int,
    instruments: Sequence[Instrument],
    held: Sequence[float],
    wanted: Sequence[float],
) -> tuple[Submit, ...]:
    """Orders that move each leg from what is held to what is wanted.

    Parameters
    ----------
    desk : str
        Its name, the first part of each client id.
    time_ns : int
        Close of the bar at which it was decided.
    instruments, held, wanted : sequences of one length
        By leg; base units if linear, quote units if inverse.

    Returns
    -------
    tuple of Submit
        In leg order. The same inputs give the same ids, so that a replay cannot send twice.
    """
    orders = []
    for leg, (one, now, target) in enumerate(zip(instruments, held, wanted, strict=True)):
        quantity = quantity_text(target - now, 0.0 if target == 0.0 else one.lot)
        if float(quantity) != 0.0:
            orders.append(
                Submit(
                    time_ns=time_ns,
                    client_id=f"{desk}-{time_ns}-{leg}",
                    leg=leg,
                    instrument=one.id,
                    quantity=quantity,
                )
            )
    return tuple(orders)
