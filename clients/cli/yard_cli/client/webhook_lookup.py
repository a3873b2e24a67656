"""What people call webhooks: a name, or a part of an id."""

from collections.abc import Sequence
from typing import Final

from yard_cli.client.lookup import tidy
from yard_cli.client.webhooks import Webhook, Webhooks
from yard_cli.failure import Failure

LISTED: Final = "see: ./yard webhooks list   (administrators: --all)"


async def webhook_called(webhooks: Webhooks, word: str) -> Webhook:
    """Return the one webhook that ``word`` means; your own come before everybody's."""
    found = _called(await webhooks.all(), word)
    if not found and await webhooks.may_see_everybodys():
        found = _called(await webhooks.all(everybody=True), word)
    if len(found) == 1:
        return found[0]
    if not found:
        raise Failure(f"there is no webhook called {word!r}", LISTED)
    ids = [webhook.id for webhook in found]
    raise Failure(f"{word!r} may be any of {len(found)} webhooks", LISTED, details=ids)


def _called(webhooks: Sequence[Webhook], word: str) -> Sequence[Webhook]:
    start = tidy(word)
    named = [webhook for webhook in webhooks if webhook.name == word.strip()]
    return named or [webhook for webhook in webhooks if start and webhook.id.startswith(start)]
