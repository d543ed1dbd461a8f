"""Every reason for not trading can be said."""

import pytest

from execbridge.adapters.cli.decision import REASONS, said
from execbridge.adapters.cli.report import said_shortly
from execbridge.domain.planner import Reason


def test_every_reason_has_words() -> None:
    assert set(REASONS) == set(Reason)


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_said_with_its_figures_and_without(reason: Reason) -> None:
    assert "{" not in said(reason, 2.0, 1.0)
    assert said_shortly(reason.name)
