"""Targets from a function of the user's own."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ...domain.errors import DomainError, SettingsError, TradingError
from ...domain.targets import Targets, Unit
from ...ports.errors import TargetsFailed
from ...ports.targets import TargetSource

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from ...ports.targets import View

    TargetFunction = Callable[[View], Targets | Mapping[str, float] | None]


@frozen(eq=False)
class TargetCalls(TargetSource):
    """
    Asks *function* each day; it answers targets, a mapping of amounts by instrument id, or None for no decision.

    A mapping is taken in *unit* and as *complete* says.
    """

    function: TargetFunction
    unit: Unit = Unit.QUANTITY
    complete: bool = True

    def days(self, start: date, end: date) -> list[date]:
        """Return none: a function is asked on the day."""
        return []

    def targets(self, view: View) -> Targets | None:
        """Return what the function answers to *view*."""
        try:
            answer: object = self.function(view)
        except TradingError:
            raise
        except Exception as error:  # A function of the user's may raise anything.
            rule = f"the target function raised {type(error).__name__} on {view.day}: {error}"
            raise TargetsFailed(rule) from error
        if isinstance(answer, Mapping):
            return Targets.of(view.on, answer, unit=self.unit, complete=self.complete)
        if answer is None or (isinstance(answer, Targets) and answer.on == view.on):
            return answer
        allowed = "a target function answers a mapping, None or Targets along view.on"
        rule = f"{allowed}; on {view.day} it was {type(answer).__name__}"
        raise DomainError(rule)


def load_function(name: str) -> TargetFunction:
    """
    Return the function that *name* says as `module:function`; modules of the working folder are found too.

    Raises:
        SettingsError: there is no such module or function, or the module fails when it is imported.
    """
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = import_module(module_name)
    except Exception as error:  # A module of the user's may raise anything.
        rule = f"backtest.targets: {module_name!r} cannot be imported: {type(error).__name__}: {error}"
        raise SettingsError(rule) from error
    function: TargetFunction | None = getattr(module, function_name, None)
    if not callable(function):
        rule = f"backtest.targets: {module_name!r} has no function {function_name!r}"
        raise SettingsError(rule)
    return function
