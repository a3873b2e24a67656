"""The database's own time, so that leases do not depend on anybody's clock."""

from sqlalchemy import Float
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class database_now(FunctionElement[float]):  # noqa: N801  reads like the SQL function it is
    """Seconds since 1970 by the database's clock, with fractions; moves on in a transaction."""

    type = Float()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite(_element: database_now, _compiler: SQLCompiler, **_kw: object) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_now, "postgresql")
def _postgresql(_element: database_now, _compiler: SQLCompiler, **_kw: object) -> str:
    return "extract(epoch from clock_timestamp())::double precision"
