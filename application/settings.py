"""Settings: one TOML file and a few environment variables, made into frozen values; all mistakes are told at once."""

from __future__ import annotations

import os
import tomllib
from datetime import date
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import Factory, field, fields_dict, frozen, has, resolve_types, validators
from cattrs import ClassValidationError, Converter, transform_error
from cattrs.errors import ForbiddenExtraKeysError
from platformdirs import user_data_path

from ..domain.costs import Commission, Slippage
from ..domain.errors import DomainError, SettingsError
from ..domain.orders import OrderType, TimeInForce
from ..domain.plan_key import Mode
from ..domain.planner import OrderTerms
from ..domain.risk import Limits
from ..domain.simulator import FillAt, MarketSimulator
from ..domain.targets import Unit
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ENVIRONMENT: Mapping[str, str] = {
    "EXECBRIDGE_MODE": "mode",
    "EXECBRIDGE_PORTFOLIO": "portfolio",
    "EXECBRIDGE_DSN": "database.dsn",
    "EXECBRIDGE_HISTORICAL_DSN": "database.historical_dsn",
    "EXECBRIDGE_DATA_DIR": "database.data_dir",
}
"""Environment variables, each with the key that it sets; they win over the file, and what a caller sets wins over them."""


@frozen
class DatabaseSettings:
    """
    Where things are kept.

    *dsn* names any PostgreSQL from version 15 for orders, fills and snapshots; left out, an embedded one is started in
    *data_dir*. *historical_dsn* names the one that has prices; left out, it is the same.
    """

    dsn: Secret | None = None
    historical_dsn: Secret | None = None
    data_dir: Path = Factory(lambda: user_data_path("execbridge"))


@frozen
class PriceSettings:
    """
    Where prices come from: *files* (CSV or Parquet), or where there are none the database's `prices_daily`.

    *adjusted* scales the prices of files by their column adj_close.
    """

    files: tuple[Path, ...] = ()
    adjusted: bool = False


@frozen
class CalendarSettings:
    """Which days are trading days: those of an exchange, by its code (XNYS), or with "prices" the days that have any."""

    name: str = "prices"


@frozen
class BacktestSettings:
    """
    What a backtest is asked.

    *targets* names a CSV or Parquet file or `module:function`; *unit* is what its amounts count, *complete* whether what
    is held and absent is closed. *run* is a new name; left out, one is made from portfolio and time.
    """

    start: date | None = None
    end: date | None = None
    initial_cash: float = field(default=1_000_000.0, validator=[validators.gt(0), validators.lt(1e15)])
    targets: str | None = None
    unit: Unit = Unit.QUANTITY
    complete: bool = True
    instruments: tuple[str, ...] | None = None
    run: str | None = None


@frozen
class SizingSettings:
    """Whether weights are scaled so that buying them spends no more than the cash."""

    fit_to_cash: bool = True


@frozen
class MarketSettings:
    """When simulated orders fill, and how large a share of a session's volume they take at most."""

    fill_at: FillAt = FillAt.CLOSE
    participation: float | None = None


@frozen
class LiveSettings:
    """The account that may be traded with money; there is none until it is named."""

    account: str | None = None


@frozen
class Settings:
    """Everything that can be chosen; each field is a key of the file, each field of a section a key of its table."""

    mode: Mode = Mode.BACKTEST
    portfolio: str = "main"
    database: DatabaseSettings = Factory(DatabaseSettings)
    prices: PriceSettings = Factory(PriceSettings)
    calendar: CalendarSettings = Factory(CalendarSettings)
    backtest: BacktestSettings = Factory(BacktestSettings)
    sizing: SizingSettings = Factory(SizingSettings)
    orders: OrderTerms = Factory(OrderTerms)
    limits: Limits = Factory(Limits)
    market: MarketSettings = Factory(MarketSettings)
    slippage: Slippage = Factory(Slippage)
    commission: Commission = Factory(Commission)
    live: LiveSettings = Factory(LiveSettings)

    @property
    def simulator(self) -> MarketSimulator:
        """The simulated market that these settings describe."""
        market = self.market
        return MarketSimulator(market.fill_at, self.slippage, self.commission, market.participation)

    def describe(self) -> dict[str, Any]:
        """Return what was chosen as plain values, secrets and places of this machine left out."""
        chosen = _converter().unstructure(self)
        del chosen["database"]
        return {section: values for section, values in chosen.items() if section not in {"live", "mode"}}


def load_settings(
    path: Path | None = None, *, overrides: Mapping[str, object] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """
    Return the settings of the TOML file at *path*, then of the *environment*, then of *overrides* by dotted key.

    Relative file names in the file are relative to its folder.

    Raises:
        SettingsError: all that is wrong, a line each: unknown keys with the nearest right name, and values with their rule.
    """
    chosen: dict[str, Any] = {} if path is None else _read(path)
    environment = os.environ if environment is None else environment
    for variable, key in ENVIRONMENT.items():
        if environment.get(variable):
            _place(chosen, key, environment[variable])
    for key, value in (overrides or {}).items():
        if value is not None:
            _place(chosen, key, value)
    try:
        return _converter().structure(chosen, Settings)
    except ClassValidationError as error:
        where = "settings" if path is None else str(path)
        problems = [_readable(line) for line in transform_error(error, "", format_exception=_tell)]
        rules = {problem.partition(": ")[2] for problem in problems}
        problems += [problem for problem in _broken_rules(chosen, Settings, "") if problem.partition(": ")[2] not in rules]
        message = f"{where}: {len(problems)} problem{'s' if len(problems) > 1 else ''}\n" + "\n".join(f"  {line}" for line in problems)
        raise SettingsError(message) from error


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            chosen = tomllib.load(file)
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}"
        raise SettingsError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path}: is not TOML: {error}"
        raise SettingsError(message) from error
    _relative_to(path.parent, chosen)
    return chosen


def _relative_to(folder: Path, chosen: dict[str, Any]) -> None:
    prices, backtest = chosen.get("prices"), chosen.get("backtest")
    if isinstance(prices, dict) and isinstance(prices.get("files"), list):
        prices["files"] = [str(folder / name) if isinstance(name, str) else name for name in prices["files"]]
    if isinstance(backtest, dict) and isinstance(backtest.get("targets"), str) and ":" not in backtest["targets"]:
        backtest["targets"] = str(folder / backtest["targets"])


def _place(chosen: dict[str, Any], key: str, value: object) -> None:
    *sections, name = key.split(".")
    for section in sections:
        chosen = chosen.setdefault(section, {})
    chosen[name] = value


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool, date, Path, Secret, Mode, Unit, FillAt, OrderType, TimeInForce):
        converter.register_structure_hook(kind, _STRUCTURE[kind])
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], lambda value, _: tuple(_listed(value)))
    converter.register_structure_hook_func(lambda kind: kind == tuple[Path, ...], lambda value, _: tuple(map(Path, _listed(value))))
    converter.register_unstructure_hook(Enum, lambda value: value.name.lower())
    converter.register_unstructure_hook(date, date.isoformat)
    converter.register_unstructure_hook(Path, lambda path: path.name)
    return converter


def _listed(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        message = f"is a list of texts, was {value!r}"
        raise TypeError(message)
    return list(value)


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        message = f"is a text, was {value!r}"
        raise TypeError(message)
    return value


def _number(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"is a number, was {value!r}"
        raise TypeError(message)
    return float(value)


def _count(value: object, _: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        message = f"is a whole number, was {value!r}"
        raise TypeError(message)
    return value


def _flag(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        message = f"is true or false, was {value!r}"
        raise TypeError(message)
    return value


def _day(value: object, _: object) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        message = f"is a day like 2012-03-31, was {value!r}"
        raise ValueError(message) from None


def _choice(value: object, kind: type[Enum]) -> Enum:
    names = {choice.name.lower(): choice for choice in kind}
    if not isinstance(value, str) or value.lower() not in names:
        message = f"is one of {', '.join(names)}{_nearest(str(value), names)}, was {value!r}"
        raise ValueError(message)
    return names[value.lower()]


_STRUCTURE: Mapping[type, Callable[[object, Any], object]] = {
    str: _text,
    int: _count,
    float: _number,
    bool: _flag,
    date: _day,
    Path: lambda value, _: Path(_text(value, str)).expanduser(),
    Secret: lambda value, _: Secret(_text(value, str)),
    **dict.fromkeys((Mode, Unit, FillAt, OrderType, TimeInForce), _choice),
}


def _broken_rules(chosen: Mapping[str, Any], kind: type, place: str) -> list[str]:
    """Return what single values break that structuring stopped short of, because others in their section were worse."""
    problems = []
    for name, attribute in fields_dict(resolve_types(kind)).items():
        value = chosen.get(name)
        if has(attribute.type) and isinstance(value, dict):
            problems += _broken_rules(value, attribute.type, f"{name}.")
        elif attribute.validator is not None and value is not None:
            try:
                attribute.validator(None, attribute, _converter().structure(value, attribute.type))
            except (DomainError, ValueError, TypeError) as error:
                problems.append(f"{place}{name}: {error}")
    return problems


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _tell(error: BaseException, _: object) -> str:
    if isinstance(error, ForbiddenExtraKeysError):
        known = fields_dict(error.cl)
        return "; ".join(
            f"unknown key {name!r}{_nearest(name, known) or ': known are ' + ', '.join(known)}" for name in sorted(error.extra_fields)
        )
    return str(error)


def _readable(line: str) -> str:
    rule, _, place = line.rpartition(" @ ")
    return f"{place.lstrip('.') or 'top'}: {rule}"
