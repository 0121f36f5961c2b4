"""What a quote currency is worth in the desk's: closes of the pairs that ``[fx]`` of the desk file names."""

from narrows.catalog.grid import Grid, as_of, known
from narrows.catalog.store import Catalog, Series
from narrows.catalog.universe import named
from narrows.core.arrays import Float1D
from narrows.core.config import Desk
from narrows.core.errors import ConfigError
from narrows.core.instrument import Instrument
from narrows.core.panel import Panel
from narrows.core.time import DAY_NS

FX_MAX_AGE_NS = DAY_NS  # of a rate: after that it is not known, and the last one counts


def with_rates(prices: Panel, desk: Desk, catalog: Catalog) -> Panel:
    """The panel with `fx`: what each currency is worth in the desk's, where its file names pairs.

    One pair prices the currency itself ("USDC-USDT.binance", or the other way round); two pairs with
    one base do so between them ("BTC-USDT.okx" over "BTC-USDC.okx"). The last close known at each
    close of the panel, younger than FX_MAX_AGE_NS; a note says which pairs.

    Raises
    ------
    ConfigError
        If a pair is not in the catalogue, has no bars, or does not lead from the one currency to the other.
    """
    values = prices.fx.copy()
    notes = []
    for currency in dict.fromkeys(one.money for one in prices.instruments):
        said = desk.fx.get(currency)
        if currency == desk.currency or said is None or isinstance(said, float):
            continue
        names = (said,) if isinstance(said, str) else said
        where = f"desk {desk.name}: fx.{currency}"
        rate = _rate(catalog, prices, names, currency, desk.currency, where)
        for column, one in enumerate(prices.instruments):
            if one.money == currency:
                values[:, column] = rate
        notes.append(f"{currency} in {desk.currency}: closes of {' and '.join(names)}")
    return prices.with_field("fx", values).with_notes(notes) if notes else prices


def _rate(
    catalog: Catalog, prices: Panel, names: tuple[str, ...], currency: str, into: str, where: str
) -> Float1D:
    pairs = named(catalog, names)
    columns = [_closes(catalog, one, prices, where) for one in pairs]
    ends = [{one.base, one.quote} for one in pairs]
    if len(pairs) == 1 and ends[0] == {currency, into}:
        return columns[0] if pairs[0].base == currency else 1.0 / columns[0]
    if len(pairs) == 2 and pairs[0].base == pairs[1].base:
        quotes = [one.quote for one in pairs]
        if sorted(quotes) == sorted((currency, into)):
            dear, cheap = quotes.index(into), quotes.index(currency)
            return columns[dear] / columns[cheap]
    what = f"{' and '.join(names)} do not lead from {currency} to {into}"
    raise ConfigError(what, where, f'name "{currency}-{into}.VENUE", or one base in both currencies')


def _closes(catalog: Catalog, one: Instrument, prices: Panel, where: str) -> Float1D:
    first, last = int(prices.time_ns[0]), int(prices.time_ns[-1])
    series = Series("bars", one.venue, one.symbol)
    bars = catalog.read(series, first - prices.bar_ns - FX_MAX_AGE_NS, last, ("time", "close"))
    if bars.is_empty():
        raise ConfigError(f"no bars of {one.id} in the window", where, "name another pair, or a number")
    grid = Grid(first, prices.bar_ns, len(prices))
    found = as_of(bars["time"].to_numpy(), grid, FX_MAX_AGE_NS)
    return known(found, bars["close"].to_numpy())
