"""The axis along which every table is laid."""

from __future__ import annotations

import unicodedata
from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

import numpy as np
from attrs import field, frozen

from .errors import BadTable, UnknownInstrument
from .table import Float64, Int64, Table, Text, UInt64, float64, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .table import Column

ID_LENGTH_MAX = 64

Row = TypeVar("Row")


@frozen
class Instrument:
    """One thing that can be traded; sizes and prices are in its own currency."""

    id: str
    lot_size: float = 1.0
    tick_size: float = 0.01
    multiplier: float = 1.0
    currency: str = "USD"


def is_id(value: str) -> bool:
    """Tell whether *value* can name an instrument or a portfolio: printable, NFC, no blanks around it, 1 to 64 long."""
    return (
        0 < len(value) <= ID_LENGTH_MAX
        and value.isprintable()
        and value == value.strip()
        and unicodedata.is_normalized("NFC", value)
    )


@frozen(eq=False, slots=False)
class Instruments(Table[Instrument]):
    """
    Name the axis: ids are sorted and unique, and an instrument's code is its place on the axis.

    Units: lot_size in units of quantity per lot, tick_size in currency, multiplier in currency per point and unit.
    """

    _row: ClassVar[type] = Instrument

    id: Text = field(converter=text)
    lot_size: Float64 = field(converter=float64)
    tick_size: Float64 = field(converter=float64)
    multiplier: Float64 = field(converter=float64)
    currency: Text = field(converter=text)

    @classmethod
    def of(cls, instruments: Iterable[Instrument | str]) -> Instruments:
        """Return the axis of *instruments*, sorted; a bare id has lots of 1, ticks of 0.01 and multiplier 1, in USD."""
        rows = sorted((Instrument(row) if isinstance(row, str) else row for row in instruments), key=lambda row: row.id)
        return cls(
            id=[row.id for row in rows],
            lot_size=[row.lot_size for row in rows],
            tick_size=[row.tick_size for row in rows],
            multiplier=[row.multiplier for row in rows],
            currency=[row.currency for row in rows],
        )

    def _check(self) -> None:
        names = self.names
        bad = [name for name in names if not is_id(name)]
        if bad:
            rule = f"an instrument id is 1 to {ID_LENGTH_MAX} printable characters (NFC), was {bad[:5]}"
            raise BadTable(rule)
        if list(names) != sorted(set(names)):
            twice = sorted({name for name in names if names.count(name) > 1})
            rule = f"instrument ids must be sorted and unique, twice: {twice[:5]}"
            raise BadTable(rule)
        for column in ("lot_size", "tick_size", "multiplier"):
            values = getattr(self, column)
            self._refuse(np.isfinite(values) & (values > 0), f"{column} must be above zero", column)

    def _name(self, row: int) -> str:
        return self.names[row]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The ids as plain text, in the order of the axis."""
        return tuple(self.id.tolist())

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(self.names)}

    @cached_property
    def code(self) -> Int64:
        """Every place on the axis, 0 to n - 1; a table that has this very column covers the whole axis, in order."""
        code = np.arange(len(self.names), dtype=np.int64)
        code.setflags(write=False)
        return code

    @cached_property
    def unit(self) -> Float64:
        """What one lot at price 1 is worth: lot_size x multiplier."""
        unit = self.lot_size * self.multiplier
        unit.setflags(write=False)
        return unit

    @cached_property
    def digest(self) -> UInt64:
        """Eight bytes of hash for each id; what an order id takes from its instrument."""
        joined = b"".join(blake2b(name.encode(), digest_size=8, person=b"instrument").digest() for name in self.names)
        return np.frombuffer(joined, dtype=">u8").astype(np.uint64)

    def __len__(self) -> int:
        return len(self.names)

    def locate(self, names: Iterable[str]) -> Int64:
        """
        Return the codes of *names*.

        Raises:
            UnknownInstrument: some are not on the axis; the message names them.
        """
        wanted = list(names)
        missing = [name for name in wanted if name not in self._codes]
        if missing:
            known = ", ".join(self.names[:8]) + (" …" if len(self) > 8 else "")  # noqa: PLR2004 - as many as a line holds.
            rule = f"unknown instrument {', '.join(map(repr, missing[:5]))}; known are {known or 'none'}"
            raise UnknownInstrument(rule)
        return np.array([self._codes[name] for name in wanted], dtype=np.int64)

    def spread(self, instrument: Int64, values: Float64) -> Float64:
        """Lay opinions along the axis: NaN where nobody said anything."""
        if instrument is self.code:
            return values
        laid = np.full(len(self), np.nan)
        laid[instrument] = values
        return laid

    def total(self, instrument: Int64, amounts: Column) -> Column:
        """Add amounts up along the axis: 0 where there are none."""
        if instrument is self.code:
            return amounts
        laid = np.zeros(len(self), amounts.dtype)
        np.add.at(laid, instrument, amounts)
        return laid


@frozen(eq=False, slots=False)
class OnAxis(Table[Row]):
    """A table whose rows belong to instruments: *on* is the axis, *instrument* the column of codes into it."""

    on: Instruments
    instrument: Int64

    def _name(self, row: int) -> str:
        return self.on.names[self.instrument[row]]

    def _item(self, name: str, value: np.generic) -> object:
        return self.on.names[value.item()] if name == "instrument" else super()._item(name, value)

    def _check(self) -> None:
        inside = (self.instrument >= 0) & (self.instrument < len(self.on))
        if not inside.all():
            rule = f"instrument codes must lie on the axis of {len(self.on)}, was {self.instrument[~inside][:5].tolist()}"
            raise BadTable(rule)

    @property
    def instrument_id(self) -> Text:
        """The ids of the instruments, row by row."""
        return cast("Text", self.on.id[self.instrument])
