"""Labels: what owners call their servers by, and seek them and their events by."""

from typing import Annotated, Final

from fastapi import Depends, Query
from pydantic import AfterValidator, Field, StringConstraints

NAME: Final = r"[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?"
VALUE: Final = r"[^\x00-\x1f\x7f]{0,63}"

Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Value = Annotated[str, StringConstraints(pattern=f"^{VALUE}$")]
Labels = Annotated[
    dict[Name, Value],
    Field(max_length=16, description="Names in lower case, values of up to 63 characters"),
]
Label = Annotated[str, StringConstraints(pattern=f"^{NAME}={VALUE}$")]


def _one_value_each(given: list[str]) -> list[str]:
    values: dict[str, str] = {}
    for name, value in (one.split("=", 1) for one in given):
        if values.setdefault(name, value) != value:
            raise ValueError(f"no server has two values of {name}: ask for one")
    return given


def sought(
    label: Annotated[
        list[Label],
        AfterValidator(_one_value_each),
        Query(max_length=16, description="`NAME=VALUE`; several must all hold"),
    ] = [],  # noqa: B006  FastAPI copies it
) -> dict[str, str]:
    """Return the labels sought, by name."""
    return dict(one.split("=", 1) for one in label)


Sought = Annotated[dict[str, str], Depends(sought)]
