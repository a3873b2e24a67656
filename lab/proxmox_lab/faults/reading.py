"""Reading a fault that somebody wrote: presets filled in, every complaint with its field."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from proxmox_lab.faults.presets import PRESETS
from proxmox_lab.faults.rule import Action, FaultRule, taken_by


class RuleRefused(Exception):
    """The rule makes no sense; ``fields`` says what is wrong with which."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = dict(fields)


def read_rule(given: Mapping[str, Any]) -> FaultRule:
    """Read ``{"preset": NAME, …}`` or ``{"action": …, …}``; what is given goes before the preset.

    Raises :class:`RuleRefused` with a complaint for each field that is wrong.
    """
    wished = {key: value for key, value in given.items() if key != "preset"}
    if "preset" in given:
        preset = PRESETS.get(str(given["preset"]))
        if preset is None:
            raise RuleRefused({"preset": f"is not one of: {', '.join(PRESETS)}"})
        wished = {**preset.rule, **wished}
    _refuse_meaningless(wished)
    try:
        return FaultRule.model_validate(wished)
    except ValidationError as wrong:
        complaints = {".".join(map(str, e["loc"])): e["msg"] for e in wrong.errors()}
        raise RuleRefused(complaints) from wrong


def _refuse_meaningless(wished: Mapping[str, Any]) -> None:
    action = wished.get("action")
    if action is None:
        raise RuleRefused({"action": f"is missing; choose it or a preset: {', '.join(PRESETS)}"})
    if action not in get_args(Action):
        raise RuleRefused({"action": f"is not one of: {', '.join(get_args(Action))}"})
    known = taken_by(str(action))
    strange = {key: _why_not(key, str(action)) for key in wished if key not in known}
    if strange:
        raise RuleRefused(strange)
    if action == "deny" and not wished.get("privilege"):
        raise RuleRefused({"privilege": "is missing; name the one to take away, as VM.Clone"})


def _why_not(key: str, action: str) -> str:
    if key not in FaultRule.model_fields:
        return "there is no such field"
    taking = ", ".join(sorted(taken_by(action) - {"action"}))
    return f"means nothing to the action {action!r}, which takes: {taking}"
