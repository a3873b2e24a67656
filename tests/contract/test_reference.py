"""What is generated from the code agrees with the code: pages, and the events' schemas.

A changed schema of an event is a change of a contract: additions are written anew by
``make reference``; anything else needs a class with the next version.
"""

from tools.reference import gone, pages


def test_every_generated_file_is_up_to_date() -> None:
    stale = [p.name for p, text in pages().items() if not p.exists() or p.read_text() != text]

    assert stale == [], "run: make reference"


def test_no_public_event_that_was_promised_is_gone() -> None:
    assert gone() == []
