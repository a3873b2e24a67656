"""Units of work that tests hold to the same behaviour: the one in memory and the real one."""

from pathlib import Path

import pytest

from common.bell import Bell
from common.db.engine import Sessions
from common.db.work import UnitOfWork
from gateway.adapters.sql.work import SqlWork
from gateway.ports.work import UnitOfWork as AnyUnitOfWork
from tests.fakes.gateway import FakeWork

MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "gateway" / "migrations"


class InMemory:
    @pytest.fixture
    def work(self) -> AnyUnitOfWork:
        return FakeWork()


class OnDatabases:
    """On all databases; ``sessions``: the folder's."""

    @pytest.fixture
    def work(self, sessions: Sessions) -> AnyUnitOfWork:
        return UnitOfWork(sessions, bind=SqlWork, bell=Bell())
