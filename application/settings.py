"""Settings: one TOML file and a few environment variables, made into frozen values; all mistakes are told at once."""

from __future__ import annotations

import os
import tomllib
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import Factory, field, fields, fields_dict, frozen, has, resolve_types
from cattrs import ClassValidationError, transform_error
from platformdirs import user_data_path

from ..domain.costs import Commission, Slippage
from ..domain.errors import DomainError, SettingsError
from ..domain.plan_key import Mode, Portfolio
from ..domain.risk import Limits
from ..domain.simulator import FillAt, MarketSimulator
from ..domain.targets import Unit
from ..domain.terms import OrderTerms
from ..ports.repository import Extent
from .converter import placed, settings_converter, told
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attrs import Attribute

ENVIRONMENT: Mapping[str, str] = {
    "EXECBRIDGE_MODE": "mode",
    "EXECBRIDGE_PORTFOLIO": "portfolio",
    "EXECBRIDGE_DSN": "database.dsn",
    "EXECBRIDGE_HISTORICAL_DSN": "database.historical_dsn",
    "EXECBRIDGE_DATA_DIR": "database.data_dir",
}
"""Environment variables and the keys that they set; they win over the file, and what a caller sets wins over them."""

CASH_MAX = 1e15
"""What no portfolio has: above it a float does not count cents any more."""


def _data_dir() -> Path:
    """Return where the embedded server's data is kept: with the user's own, and with the system's for root."""
    # PostgreSQL does not run as root, and the account that it runs as has no business in root's home.
    return Path("/var/lib/execbridge") if os.name == "posix" and os.geteuid() == 0 else user_data_path("execbridge")


@frozen
class DatabaseSettings:
    """
    Where things are kept.

    *dsn* names any PostgreSQL from version 15 for orders, fills and snapshots; left out, an embedded one is started in
    *data_dir*. *historical_dsn* names the one that has prices; left out, it is the same.
    """

    dsn: Secret | None = None
    historical_dsn: Secret | None = None
    data_dir: Path = Factory(_data_dir)


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
    """Which days are traded: those of an exchange, by its code (XNYS), or with "prices" the days that have any."""

    name: str = "prices"


def _cash(_: object, attribute: Attribute[Any], value: float) -> None:
    if not 0 < value < CASH_MAX:
        rule = f"{attribute.name} is above 0 and below {CASH_MAX:.0e}, was {value}"
        raise DomainError(rule)


@frozen
class BacktestSettings:
    """
    What a backtest is asked.

    *targets* names a CSV or Parquet file or `module:function`; *unit* is what its amounts count, *complete* whether
    what is held and absent is closed. *run* is a new name; left out, one is made from portfolio and time. *record* says
    how much is kept: all, or for sweeps the run's figures alone.
    """

    start: date | None = None
    end: date | None = None
    initial_cash: float = field(default=1_000_000.0, validator=_cash)
    targets: str | None = None
    unit: Unit = Unit.QUANTITY
    complete: bool = True
    instruments: tuple[str, ...] | None = None
    run: str | None = None
    record: Extent = Extent.ALL


@frozen
class SizingSettings:
    """Whether weights are scaled so that buying them, with its costs in basis points, spends no more than the cash."""

    fit_to_cash: bool = True


@frozen
class MarketSettings:
    """When simulated orders fill, and how large a share of a session's volume they take at most."""

    fill_at: FillAt = FillAt.CLOSE
    participation: float | None = field(default=None, validator=fields(MarketSimulator).participation.validator)


@frozen
class LiveSettings:
    """The account that may be traded with money; there is none until it is named."""

    account: str | None = None


@frozen
class Settings:
    """Everything that can be chosen; each field is a key of the file, each field of a section a key of its table."""

    mode: Mode = Mode.BACKTEST
    portfolio: str = field(default="main", validator=fields(Portfolio).id.validator)
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
        chosen = settings_converter().unstructure(self)
        targets = self.backtest.targets
        if targets is not None and ":" not in targets:
            chosen["backtest"]["targets"] = Path(targets).name
        return {section: values for section, values in chosen.items() if section not in {"database", "live", "mode"}}


def load_settings(
    path: Path | None = None,
    *,
    overrides: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """
    Return the settings of the TOML file at *path*, then of the *environment*, then of *overrides* by dotted key.

    Relative file names in the file are relative to its folder.

    Raises:
        SettingsError: all that is wrong, a line each: unknown keys with the nearest right name, values with their rule.
    """
    chosen: dict[str, Any] = {} if path is None else _read(path)
    environment = os.environ if environment is None else environment
    for variable, key in ENVIRONMENT.items():
        if environment.get(variable):
            _place(chosen, key, environment[variable])
    for key, value in (overrides or {}).items():
        if value is not None:
            _place(chosen, key, value)
    problems = _no_sections(chosen)
    try:
        settings = settings_converter().structure(chosen, Settings)
        if not problems:
            return settings
    except ClassValidationError as error:
        problems += [problem for line in transform_error(error, "", format_exception=told) for problem in placed(line)]
    known = {(place.partition(".")[0], rule) for place, rule in problems}
    problems += [
        problem
        for problem in _broken_rules(chosen, Settings, "")
        if (problem[0].partition(".")[0], problem[1]) not in known
    ]
    where, many = "settings" if path is None else path, "s" if len(problems) > 1 else ""
    lines = "".join(f"\n  {place or 'top'}: {rule}" for place, rule in problems)
    message = f"{where}: {len(problems)} problem{many}{lines}"
    raise SettingsError(message)


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
    """Make the file names in *chosen* relative to *folder*."""

    def placed_in(name: object) -> object:
        return str(folder / Path(name).expanduser()) if isinstance(name, str) else name

    prices, backtest, database = (chosen.get(section) for section in ("prices", "backtest", "database"))
    if isinstance(prices, dict) and isinstance(prices.get("files"), list):
        prices["files"] = [placed_in(name) for name in prices["files"]]
    if isinstance(backtest, dict) and isinstance(backtest.get("targets"), str) and ":" not in backtest["targets"]:
        backtest["targets"] = placed_in(backtest["targets"])
    if isinstance(database, dict) and "data_dir" in database:
        database["data_dir"] = placed_in(database["data_dir"])


def _place(chosen: dict[str, Any], key: str, value: object) -> None:
    *sections, name = key.split(".")
    for section in sections:
        part = chosen.setdefault(section, {})
        if not isinstance(part, dict):
            return  # It is told that the section is none.
        chosen = part
    chosen[name] = value


def _no_sections(chosen: dict[str, Any]) -> list[tuple[str, str]]:
    """Take out of *chosen* what stands where a section should, and tell it."""
    sections = [name for name, attribute in fields_dict(resolve_types(Settings)).items() if has(_type(attribute))]
    wrong = [name for name in sections if name in chosen and not isinstance(chosen[name], dict)]
    # What it was is not told: it may be a secret.
    return [(name, f"is a section of keys, was a {type(chosen.pop(name)).__name__}") for name in wrong]


def _type(attribute: Attribute[Any]) -> type:
    assert attribute.type is not None, "Invariant: every setting has a type."
    return attribute.type


def _broken_rules(chosen: Mapping[str, Any], kind: type, place: str) -> list[tuple[str, str]]:
    """Return what single values break that structuring stopped short of, because others in their section were worse."""
    problems = []
    for name, attribute in fields_dict(resolve_types(kind)).items():
        value, of = chosen.get(name), _type(attribute)
        if has(of) and isinstance(value, dict):
            problems += _broken_rules(value, of, f"{name}.")
        elif attribute.validator is not None and value is not None:
            try:
                attribute.validator(None, attribute, settings_converter().structure(value, of))
            except (DomainError, ValueError, TypeError) as error:
                problems.append((f"{place}{name}", f"{error}"))
    return problems
