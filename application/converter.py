"""Plain values to settings and back: one strict rule for each kind of value, and words for whatever breaks it."""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import fields_dict
from cattrs import Converter
from cattrs.errors import ForbiddenExtraKeysError

from ..domain.orders import OrderType, TimeInForce
from ..domain.plan_key import Mode
from ..domain.simulator import FillAt
from ..domain.targets import Unit
from ..ports.repository import Extent
from .secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@cache
def settings_converter() -> Converter:
    """Return what makes settings of plain values, refusing what is not meant for them, and plain values of settings."""
    converter = Converter(forbid_extra_keys=True)
    for kind, structure in _STRUCTURE.items():
        converter.register_structure_hook(kind, structure)
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], lambda value, _: tuple(_listed(value)))
    converter.register_structure_hook_func(
        lambda kind: kind == tuple[Path, ...], lambda value, _: tuple(map(Path, _listed(value)))
    )
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


def _secret(value: object) -> Secret:
    if not isinstance(value, str):
        message = "is a text; what it was is not shown"
        raise TypeError(message)
    return Secret(value)


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
    Secret: lambda value, _: _secret(value),
    **dict.fromkeys((Mode, Unit, FillAt, OrderType, TimeInForce, Extent), _choice),
}


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, list(names), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def told(error: BaseException, _: object) -> str:
    """Return what *error* says to whoever wrote the settings."""
    if isinstance(error, ForbiddenExtraKeysError):
        known = fields_dict(error.cl)
        return "\n".join(
            f"unknown key {name!r}{_nearest(name, known) or ': known are ' + ', '.join(known)}"
            for name in sorted(error.extra_fields)
        )
    return str(error)


def placed(line: str) -> list[tuple[str, str]]:
    """Return the place and each rule of *line*, which says what was broken and where."""
    rules, _, place = line.rpartition(" @ ")
    return [(place.lstrip("."), rule) for rule in rules.split("\n")]
