"""What nodes tell each other is some seconds old."""

import time
from dataclasses import dataclass
from typing import Any

from proxmox_lab.clock import Clock
from proxmox_lab.site.broadcast import PERIOD, Broadcast


@dataclass
class Daemon:
    """Describes machines by when they were made, and counts how often it was asked."""

    born: dict[int, float]
    asked: int = 0

    def speak(self, before: float) -> dict[int, dict[str, Any]]:
        self.asked += 1
        return {vmid: {"name": "x"} for vmid, born in self.born.items() if born < before}


class Watch(Clock):
    """A clock that stands until it is set."""

    at: float = 10 * PERIOD

    def now(self) -> float:
        return Watch.at


def test_a_new_machine_is_told_of_in_the_next_round() -> None:
    Watch.at = 10 * PERIOD + 1
    broadcast, daemon = Broadcast(Watch()), Daemon({100: 0.0, 101: Watch.at})

    first = set(broadcast.told(daemon.speak))
    Watch.at += PERIOD
    second = set(broadcast.told(daemon.speak))

    assert (first, second) == ({100}, {100, 101})


def test_nobody_hears_news_within_a_round() -> None:
    Watch.at = 20 * PERIOD + 1
    broadcast, daemon = Broadcast(Watch()), Daemon({100: 0.0})

    broadcast.told(daemon.speak)
    Watch.at += PERIOD / 2
    broadcast.told(daemon.speak)

    assert daemon.asked == 1


def test_a_round_is_as_much_shorter_as_the_lab_is_faster() -> None:
    Watch.at = 30 * PERIOD
    broadcast, daemon = Broadcast(Watch(speed=10)), Daemon({100: 0.0})

    broadcast.told(daemon.speak)
    Watch.at += PERIOD / 10
    broadcast.told(daemon.speak)

    assert daemon.asked == 2


def test_a_round_that_takes_long_is_not_begun_again_at_once_however_fast_the_lab_is() -> None:
    rounds: list[float] = []
    broadcast = Broadcast(Clock(1_000_000))

    def speak(before: float) -> dict[int, dict[str, object]]:
        rounds.append(before)
        time.sleep(0.05)
        return {}

    for _ in range(5):
        broadcast.told(speak)

    assert len(rounds) == 1
