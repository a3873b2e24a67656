"""Everything that is within reach inside one SQL transaction."""

from sqlalchemy.ext.asyncio import AsyncSession

from common.db.mailbox import SqlInbox, SqlOutbox
from gateway.adapters.sql.accounts import SqlLoginFailures, SqlSessions, SqlUsers
from gateway.adapters.sql.deliveries import SqlDeliveries
from gateway.adapters.sql.endpoints import SqlEndpoints
from gateway.adapters.sql.public_events import SqlPublicEvents
from gateway.adapters.sql.records import SqlOperations, SqlServers
from gateway.adapters.sql.request_keys import SqlRequestKeys


class SqlWork:
    """One transaction's view of the gateway's memory."""

    def __init__(self, session: AsyncSession) -> None:
        self.operations = SqlOperations(session)
        self.servers = SqlServers(session)
        self.request_keys = SqlRequestKeys(session)
        self.users = SqlUsers(session)
        self.sessions = SqlSessions(session)
        self.login_failures = SqlLoginFailures(session)
        self.inbox = SqlInbox(session)
        self.outbox = SqlOutbox(session)
        self.public_events = SqlPublicEvents(session)
        self.endpoints = SqlEndpoints(session)
        self.deliveries = SqlDeliveries(session)
