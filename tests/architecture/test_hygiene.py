"""The repository says nothing about the machine it was written on, nor where its packages are fetched."""

import re
from pathlib import Path

from .sources import ROOT, lines

LOCK = ROOT / "requirements.lock"


def test_the_lock_names_no_address() -> None:
    addresses = re.compile(r"https?:|file:|//|\bindex-url\b|\bfind-links\b|[a-z0-9]\.(org|com|io|net)\b", re.IGNORECASE)
    assert [line for line in LOCK.read_text("utf-8").splitlines() if addresses.search(line)] == []


def test_the_lock_pins_every_package_and_its_content() -> None:
    entries = re.split(r"\n(?=\S)", LOCK.read_text("utf-8").strip())
    pinned = re.compile(r"[a-z0-9._-]+(\[[a-z,]+\])?==\S+( ; [^\\\n]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\\n)?)+")
    assert [entry for entry in entries if not pinned.fullmatch(entry)] == []


def test_no_file_names_a_place_on_a_machine() -> None:
    places = [
        r"(?<![\w.])/(home|Users|root)/\w",
        r"\b[A-Z]:\\Users\\",
        re.escape(f"{ROOT}/"),
        re.escape(f"{Path.home()}/"),
    ]
    place = re.compile("|".join(places))
    assert [where for where, line in lines() if place.search(line)] == []
