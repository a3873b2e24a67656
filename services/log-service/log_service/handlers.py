"""What the log-service does: append what was written, read it back."""

from collections.abc import Callable

from common.contracts.logs import LogBatch
from log_service.domain.errors import TicketForAnother
from log_service.domain.stream import Page, extend
from log_service.ports import Announce, Tickets, UnitOfWork


async def on_log_batch(
    batch: LogBatch, *, work: UnitOfWork, announce: Announce, mask: Callable[[str], str]
) -> None:
    """Append the lines that are new, number them, and wake the viewers once it is committed.

    A repeat is announced again: the first announcement may have died with its process.
    """
    async with work() as tx:
        stream = await tx.streams.get_or_add(batch.stream_id, server_id=batch.server_id)
        keys = {line.key for line in batch.lines}
        known = await tx.lines.known(stream.id, writer=batch.writer, keys=keys)
        extended, entries = extend(stream, batch, known=known, mask=mask)
        if entries:
            await tx.lines.add(stream.id, writer=batch.writer, entries=entries)
        if extended != stream:
            await tx.streams.save(extended)
    await announce(extended.id, extended.last_sequence)


async def read_page(stream_id: str, after: int, *, limit: int, work: UnitOfWork) -> Page:
    """Read lines that follow a sequence. A stream nobody has written to yet is empty."""
    async with work() as tx:
        # First how far it has come, then the lines: so "ended" never promises too much.
        stream = await tx.streams.find(stream_id)
        if stream is None:
            return Page(lines=(), last_sequence=0, ended=False)
        lines = await tx.lines.after(stream_id, after, limit=limit)
    return Page(lines=tuple(lines), last_sequence=stream.last_sequence, ended=stream.ended)


async def admit(ticket: str, *, stream_id: str, tickets: Tickets) -> None:
    """Let the holder of a ticket see a stream. Raises ``TicketRefused``, ``TicketForAnother``."""
    if await tickets.stream_of(ticket) != stream_id:
        raise TicketForAnother
