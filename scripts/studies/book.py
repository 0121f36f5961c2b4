"""The studies, in the order of the page: which desks are run, and what is said of each."""

import numpy as np

from studies.study import Run, Study, best_month, best_year, by_year

# catalogue → mappings of examples/sources; bars of 8 h and of 1 h of one symbol cannot stand in one
CATALOGUES = {
    "catalog": ("binance_btc", "binance_avax", "okx_avax", "okx_sol", "deribit_sol"),
    "catalog-8h": ("aha_hh",),
}

FOREWORD = """
# What real data say

Backtests on public market data, all with the same thresholds, which are those of
[`btc_carry.toml`](../../examples/btc_carry.toml) and were not fitted to anything here: in when funding over
72 hours annualises to 10 %, out below 2 %; a dated future at a carry of 5 %, to its delivery. The files are
those that [`examples/sources`](../../examples/sources/README.md) name, in one folder `DATA`:

{commands}

`make studies` does this, runs every command below and writes this page; every number here is checked by the
tests against a fresh run. A report is one HTML file; [how to read one](../how-to/read-the-report.md). All
of them side by side are in `reports/studies/comparison.html`.

{table}

Basis, funding, borrow (interest on coins and on cash), fees with slippage and the rest (delivery,
liquidation, coin) are per cent of the capital over the whole run, and add up to its profit. A year: simple,
on all capital, idle or not; behind it the hurdle, what holding cash (in coin: the coin) would have earned.
Margin ratio: the worst at a close / inside the bar; the venue liquidates at 1. Liquidations: judged on
closes / on highs and lows, and the truth lies between. Fills are at the next bar's open for a taker's fee,
with a guessed spread and depth where the data have none, and these desks send no cash between venues (`top_up` is `none`).
"""


def _beats(run: Run) -> bool:
    return run.beats_doing_nothing


def _falls_short(run: Run) -> bool:
    return not run.beats_doing_nothing


def _costs_ate_funding(run: Run) -> bool:
    costs = -(run.ledger["fees"] + run.ledger["slippage"])
    return _falls_short(run) and costs > run.ledger["funding"] > 0.0


def _drained(run: Run) -> bool:
    """One wallet was liquidated and is empty, and nothing was traded in the years after it."""
    left = run.result.wallet_equity[-1] / run.result.equity_start
    return _falls_short(run) and run.result.liquidations > 0 and float(left.min()) < 0.01


def _years_lost(run: Run) -> int:
    return sum(one.amount < 0.0 for one in by_year(run.result))


def _last_year_traded(run: Run) -> int:
    return int(str(np.datetime64(int(run.result.fills.time_ns.max()), "ns"))[:4])


def _rest_falls_short(run: Run) -> bool:
    """Whether the run without its best month is below the hurdle, over the time that has funding."""
    profit = run.result.equity_end / run.result.equity_start - 1.0
    share = best_month(run.result).amount / (profit * run.result.equity_start)
    return run.apr_since_funding * (1.0 - share) < run.result.desk.hurdle.apr


STUDIES = (
    Study(
        name="btc-carry",
        title="BTC carry on Binance",
        desk="examples/btc_carry.toml",
        text="""
            Spot against the perpetual in {round_trips} round trips, in the market {in_market} of the time.
            Funding brought {funding} of the capital; {borrow_paid} went on interest for the cash that the
            short perpetual loses on the way up while the gain stands in spot, and {costs_paid} on fees and
            slippage, which hardly matter when so little is traded. The basis added {basis}: what was earned
            is funding, and it came with the rally of 2024. The bars of 2024-10-28 that stop early are in
            this window ({kinds}) and are not repaired here.
        """,
        holds=lambda run: (
            _beats(run)
            and run.ledger["funding"] > 10 * abs(run.ledger["basis"])
            and best_year(run.result).name == "2024"
        ),
    ),
    Study(
        name="btc-cash-and-carry",
        title="BTC cash-and-carry on Binance, six deliveries",
        desk="examples/btc_cash_and_carry.toml",
        text="""
            Spot against the quarterly future, {round_trips} times to delivery. The basis paid {basis};
            {settlement_lost} was lost at delivery, where the future settles and the spot is sold an hour
            later, unhedged for a bar. The largest fall, {drawdown}, is a basis that widened before it
            closed: a loss on paper, with a margin ratio of {ratio} at the worst close. Of the {spreads} two
            are contracts whose data end before their delivery, so these do not count among the deliveries.
        """,
        holds=lambda run: _beats(run) and run.result.round_trips == 6 and run.ledger["settlement"] < 0.0,
    ),
    Study(
        name="btc-cash-and-carry-along",
        title="BTC cash-and-carry, spot sold along the averaging window",
        desk="examples/studies/btc_cash_and_carry_along.toml",
        text="""
            The same trade, but for the spot of a delivered future: it is sold along the venue's averaging
            window, at the mean that the future is delivered at, instead of at the next open. So no delivery
            leaves the spot unhedged for a bar; {settlement_lost} is the delivery fees and what the price
            moved from the last mark to the mean. The difference between the two runs is what the price did
            in the hour after each delivery: chance, tens of basis points a time, either way.
        """,
        holds=lambda run: (
            _beats(run) and run.result.round_trips == 6 and run.result.residual_delta_max < 0.25
        ),
    ),
    Study(
        name="avax-binance",
        title="AVAX carry on Binance",
        desk="examples/studies/avax_binance.toml",
        text="""
            The first year is most of it: {best_year} made {best_year_gain}, {best_year_share} of the whole
            profit, and two of the later years lost money. Trading took {costs_paid} of the capital over
            {round_trips} round trips, a quarter of what funding paid: thresholds that suit BTC trade this
            coin too often. The spread and the depth are guesses, and so is that AVAX could be borrowed at
            30 % whenever funding was negative. Spot lacks some hours of 2021 and one of 2023 ({kinds});
            nothing is filled in them.
        """,
        holds=lambda run: (
            _beats(run)
            and best_year(run.result).name == "2021"
            and best_year(run.result).amount > 0.5 * (run.result.equity_end - run.result.equity_start)
            and _years_lost(run) == 2
            and 0.2 < -(run.ledger["fees"] + run.ledger["slippage"]) / run.ledger["funding"] < 0.3
        ),
    ),
    Study(
        name="avax-okx",
        title="AVAX carry on OKX",
        desk="examples/studies/avax_okx.toml",
        text="""
            The same rule on the same coin at another venue lost money, though funding of OKX is in the data
            from {funding_since} only, nothing is traded before, and the year that made the profit on
            Binance is not in the run; since then it made {apr_since_funding} a year, costs included.
            Funding paid {funding}, and {round_trips} round trips cost {costs_paid}: funding that crosses
            the threshold and goes back is bought dear. Both legs stood still for half a day on 2022-12-18
            ({kinds}).
        """,
        holds=lambda run: _costs_ate_funding(run) and run.late_funding,
    ),
    Study(
        name="avax-cross-venue",
        title="AVAX, Binance against OKX",
        desk="examples/studies/avax_cross_venue.toml",
        text="""
            The strategy is one's own ([`funding_spread.py`](../../examples/funding_spread.py)). It earned a
            little for three months, until the fall of AVAX in 2022 emptied the wallet of the losing leg
            while the other held the gain (at the end: {venues}). This desk sends no cash from
            one venue to the other, so the trade ended there: the last fill is of {last_fill}, and the years after it
            are idle. Two perpetuals hedge each other only as long as both wallets live.
        """,
        holds=lambda run: _drained(run) and _last_year_traded(run) == 2022,
    ),
    Study(
        name="sol-okx",
        title="SOL carry on OKX",
        desk="examples/studies/sol_okx.toml",
        text="""
            Funding is in the data from {funding_since} only; since then it made {apr_since_funding} a year.
            But one month, {best_month}, made {best_month_gain}, which is {best_month_share} of the profit
            of the whole run: FTX failed, the perpetual fell far below spot, and the reverse trade (SOL
            borrowed and sold) took funding and basis. That rests on a guess: that SOL could be borrowed at
            30 % a year in that month, in any amount. Without that month the run is below the hurdle, with
            {costs_paid} of the capital spent on {round_trips} round trips: hold cash, unless you know that
            you can borrow in a panic.
        """,
        holds=lambda run: _beats(run) and best_month(run.result).name == "2022-11" and _rest_falls_short(run),
    ),
    Study(
        name="btc-linear",
        title="BTC on three venues, linear",
        desk="examples/studies/btc_linear.toml",
        text="""
            Spot against the linear perpetual on Binance, Bybit and OKX, a third of the capital each and no
            transfers; the same rule gained, by venue: {venues}. Bars are of 8 hours, one for each
            settlement, so the desk decides three times a day; there is no mark price, the close stands in.
            The odd highs and lows ({kinds}) come from comparing venues whose bars lie four hours apart in
            this source ([data-traps](../data-traps.md)): on Bybit and OKX both legs fill at prices four
            hours older than the decision, so of these two the funding can be trusted, and the gap less.
        """,
        holds=lambda run: _beats(run) and run.result.liquidations == 0,
    ),
    Study(
        name="btc-inverse",
        title="BTC on three venues, coin-margined, in dollars",
        desk="examples/studies/btc_inverse.toml",
        text="""
            The same with the coin-margined perpetual: its profit, loss and funding are kept in BTC. Basis
            ({basis}) and fx (the rest, {rest}) belong together: the coin that the short perpetual lost on
            the way up, and what that coin came to be worth. Coin that funding paid is not sold, so the desk
            is up to {residual} of its equity long. Funding paid {funding}, less than on the linear
            contracts of the same venues, and fees were paid on more round trips ({round_trips}).
        """,
        holds=lambda run: _beats(run) and run.ledger["fx"] < 0.0 < run.ledger["basis"],
    ),
    Study(
        name="btc-inverse-in-btc",
        title="BTC on three venues, coin-margined, in coin",
        desk="examples/studies/btc_inverse.toml",
        currency="BTC",
        text="""
            The run above, reckoned in BTC: {capital} lost {profit_lost}. Trading earned coin, {basis} by
            basis and {funding} by funding less {costs_paid} of costs, but the desk is worth dollars and the
            coin rose: that is the {rest} of fx. The hedge is right for who counts in dollars, and for
            nobody else.
        """,
        holds=lambda run: _falls_short(run) and run.ledger["funding"] > 0.0 > run.ledger["fx"],
    ),
    Study(
        name="btc-bybit-okx",
        title="BTC, Bybit against OKX",
        desk="examples/studies/btc_bybit_okx.toml",
        text="""
            Perpetual against perpetual, for the difference of funding
            ([`funding_spread.py`](../../examples/funding_spread.py)). On BTC the two venues agree too well:
            the difference brought {funding} of the capital, and {round_trips} round trips of four taker
            fees cost {costs_paid}. Binance is left out, because in this source its bars lie four hours
            apart from those of the other two ([data-traps](../data-traps.md)): a gap between them would be
            what the price did in between.
        """,
        holds=_costs_ate_funding,
    ),
    Study(
        name="sol-deribit-okx",
        title="SOL, Deribit against OKX",
        desk="examples/studies/sol_deribit_okx.toml",
        text="""
            Deribit has no SOL spot, so its perpetual (in USDC, funded hourly) is hedged with that of OKX
            (funded every eight hours). In eight months the difference paid {funding} and trading cost
            {costs_paid}. Then FTX failed: the profit of the run is that of {best_month}, without it the run
            lost money; the leg on Deribit was liquidated on {last_fill}, its wallet is empty (at the end:
            {venues}), and nothing is traded after it, since this desk sends no cash between venues. The
            {liquidation} under liquidation is a gift: what the wallet owed beyond its equity, borne by the
            insurance fund. A USDC counts as a USDT here, which its desk file says. Both venues stood still for some hours
            of December 2022 ({kinds}), when nothing was held any more.
        """,
        holds=lambda run: (
            _drained(run) and run.ledger["liquidation"] > 0.0 and _last_year_traded(run) == 2022
        ),
    ),
    Study(
        name="sol-deribit-okx-afresh",
        title="SOL, Deribit against OKX, afresh",
        desk="examples/studies/sol_deribit_okx_afresh.toml",
        text="""
            The same desk with its cash split afresh on {start}. The difference of funding had become too
            small for it: {funding} against {costs_paid} of costs. The rally of January 2023 liquidated the
            short leg on Deribit, in one hour and with the other leg unhedged until the next ({residual} of
            the equity); the rest of that wallet traded small amounts until {last_fill} (at the end:
            {venues}).
        """,
        holds=lambda run: _drained(run) and _costs_ate_funding(run) and _last_year_traded(run) == 2023,
    ),
)
