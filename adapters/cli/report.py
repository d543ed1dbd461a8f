# ruff: noqa: PLC0415 - jinja2 is optional and slow to import: it is not before a page is made.
"""The report of a run: a picture, and a page that has all of it."""

from __future__ import annotations

import re
from base64 import b64encode
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ...domain.errors import SettingsError
from ...domain.planner import Reason
from .curve import drawdowns, years
from .decision import said
from .page import PAGE, STYLE
from .picture import draw
from .summary import costs, headline, money, percent, ratio

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...application.backtest import RunResult

DRAWDOWNS = 5
FULL_COLOUR_FROM = 0.15
"""The monthly return, either way, from which on its cell is as dark as can be."""


def require_libraries() -> None:
    """
    Do nothing where a report can be made.

    Raises:
        SettingsError: what it needs is not installed; the message says how to.
    """
    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        rule = f"a report needs {' and '.join(missing)}; it comes with: pip install 'execbridge[report]'"
        raise SettingsError(rule)


def write(result: RunResult, folder: Path) -> tuple[Path, Path]:
    """
    Write picture and page of *result* to *folder*, under the name of the run, and return where they are.

    Raises:
        SettingsError: the folder cannot be written, or a library is missing.
    """
    require_libraries()
    name = re.sub(r"[^\w.-]+", "-", result.run.name).strip("-.") or "run"
    picture, page = folder / f"{name}.png", folder / f"{name}.html"
    drawn = draw(result)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(drawn)
        page.write_text(render(result, drawn), encoding="utf-8")
    except OSError as error:
        rule = f"the report cannot be written to {folder}: {error.strerror}"
        raise SettingsError(rule) from error
    return picture, page


def render(result: RunResult, picture: bytes) -> str:
    """Return the page of *result*, which needs no other file: the *picture* is inside."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"money": money, "percent": percent, "colour": colour}
    told = environment.from_string(PAGE).render(
        style=STYLE,
        run=result.run,
        result=result,
        headline=headline(result),
        costs=costs(result),
        picture=b64encode(picture).decode("ascii"),
        years=years(result),
        drawdowns=drawdowns(result, DRAWDOWNS),
        instruments=instruments(result),
        not_traded=[
            (instrument, said_shortly(reason), days) for (instrument, reason), days in result.not_traded.items()
        ],
        settings=settings(result),
        ratio=ratio,
    )
    return f"{told}\n"


def instruments(result: RunResult) -> list[dict[str, str | float]]:
    """Return what each instrument brought, before commissions, and what of it is still held."""
    positions = result.positions
    rows: list[dict[str, str | float]] = [
        {"id": name, "quantity": quantity, "value": value, "realized": realized, "unrealized": unrealized}
        for name, quantity, value, realized, unrealized in zip(
            positions.instrument_id.tolist(),
            (positions.lots * positions.on.lot_size[positions.instrument]).tolist(),
            positions.market_value.tolist(),
            positions.realized_pnl.tolist(),
            positions.unrealized_pnl.tolist(),
            strict=True,
        )
    ]
    return rows


def said_shortly(reason: str) -> str:
    """Return the *reason* of many days in words; limits, which differ from day to day, by name."""
    known = Reason[reason]
    if known in {Reason.TARGET_UNKNOWN, Reason.PRICE_UNKNOWN, Reason.EQUITY_UNKNOWN, Reason.CLOSING_LEG}:
        return said(known)
    return f"limit on {reason.lower().replace('_', ' ')}"


def settings(result: RunResult) -> list[tuple[str, object]]:
    """Return what the run was asked, by dotted key; what was left out is left out here too."""
    flat: list[tuple[str, object]] = []

    def walk(prefix: str, values: Mapping[str, object]) -> None:
        for key, value in values.items():
            if isinstance(value, dict):
                walk(f"{prefix}{key}.", value)
            elif value is not None and value not in ([], ()):
                flat.append(
                    (f"{prefix}{key}", ", ".join(map(str, value)) if isinstance(value, list | tuple) else value)
                )

    walk("", result.run.config)
    return flat


def colour(value: float) -> str:
    """Return the background of a return: blue where it gains, red where it loses, deeper the larger it is."""
    strength = min(abs(value) / FULL_COLOUR_FROM, 1.0) * 0.75
    return f"rgba({'31, 111, 235' if value >= 0 else '209, 73, 91'}, {strength:.2f})"
