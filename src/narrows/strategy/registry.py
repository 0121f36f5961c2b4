"""Finding a strategy by the name in the desk file, and filling in its parameters."""

import importlib
from typing import cast

import msgspec

from narrows.core.config import convert
from narrows.core.errors import ConfigError, NarrowsError
from narrows.strategy.cash_and_carry import CashAndCarry
from narrows.strategy.funding_carry import FundingCarry
from narrows.strategy.protocol import Strategy

STRATEGIES: dict[str, type[msgspec.Struct]] = {
    "funding_carry": FundingCarry,
    "cash_and_carry": CashAndCarry,
}


def _users_own(path: str) -> type[msgspec.Struct]:
    module_name, _, class_name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except NarrowsError:
        raise
    except Exception as error:  # whatever a user's file may raise while it is imported
        what = f"cannot load {path!r}: {type(error).__name__}: {error}"
        raise ConfigError(what, "strategy.name", "is it on PYTHONPATH, and does it import?") from error
    if not (isinstance(found, type) and issubclass(found, msgspec.Struct)):
        raise ConfigError(
            f"{path!r} is not a msgspec.Struct", "strategy.name", "see narrows.strategy.protocol"
        )
    return found


def strategy(name: str, parameters: dict[str, object]) -> Strategy:
    """The strategy of a desk file.

    Parameters
    ----------
    name : str
        One of STRATEGIES, or ``"my_module:MyStrategy"`` for one of your own.
    parameters : dict
        The rest of the [strategy] table.

    Raises
    ------
    ConfigError
        If there is no such strategy, or a parameter is unknown or of the wrong type.
    """
    if ":" in name:
        kind = _users_own(name)
    elif name in STRATEGIES:
        kind = STRATEGIES[name]
    else:
        known = ", ".join(STRATEGIES)
        raise ConfigError(
            f"no strategy {name!r}", "strategy.name", f"choose from {known}, or name your own as module:Class"
        )
    return cast(Strategy, convert(parameters, kind, f"strategy {name}"))
