"""The one table of parameters knows every method the lab answers."""

from proxmox_lab.api.routes import ROUTES
from proxmox_lab.schema.table import table_of


def test_every_method_that_is_answered_is_in_the_table_and_nothing_else_is() -> None:
    assert table_of(9).methods.keys() | table_of(8).methods.keys() == ROUTES.keys()
