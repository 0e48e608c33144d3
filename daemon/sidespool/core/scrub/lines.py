"""The JSON-lines dialogue of ``sidespool scrub``: one request a line in, one answer a line out.

Request ``{"id", "op": "scrub"|"template", "input", "context"?}``, answer ``{"id", "output"}`` or
``{"id", "error"}``. Every line gets an answer; no input raises.
"""

import json
from typing import Any

from sidespool.core.scrub.context import ScrubContext
from sidespool.core.scrub.scrubber import Scrubber

_CONTEXT_KEYS = ("username", "full_name", "hostname", "home", "app_path", "tmp")
_SCRUBBERS_MAX = 16


class LineScrubber:
    """Answers request lines. Keeps one scrubber for each context it has seen lately."""

    def __init__(self, default: ScrubContext) -> None:
        self._default = Scrubber(default)
        self._made: dict[ScrubContext, Scrubber] = {}

    def answer(self, line: str) -> str:
        """The answer to one line, without its newline. Escapes all that is not ASCII."""
        return json.dumps(self._answer(line))

    def _answer(self, line: str) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return _refuse(None, 'not JSON: send one object a line, {"id", "op", "input"}')
        if not isinstance(request, dict):
            return _refuse(None, 'not an object: send {"id", "op", "input"}')
        identifier = request.get("id")
        text = request.get("input")
        if not isinstance(text, str):
            return _refuse(identifier, 'no "input": give the text to scrub as a string')
        operation = request.get("op", "scrub")
        if operation not in ("scrub", "template"):
            return _refuse(identifier, 'unknown "op": use "scrub" or "template"')
        try:
            scrubber = self._scrubber(request.get("context"))
        except TypeError as error:
            return _refuse(identifier, str(error))
        output = scrubber.template(text) if operation == "template" else scrubber.text(text)
        return {"id": identifier, "output": output}

    def _scrubber(self, given: object) -> Scrubber:
        if given is None:
            return self._default
        context = parse_context(given)
        if context not in self._made:
            if len(self._made) >= _SCRUBBERS_MAX:
                self._made.pop(next(iter(self._made)))
            self._made[context] = Scrubber(context)
        return self._made[context]


def _refuse(identifier: object, error: str) -> dict[str, Any]:
    return {"id": identifier, "error": error}


def parse_context(given: object) -> ScrubContext:
    """Context of a request. Raises TypeError with what to do when it has the wrong form."""
    if not isinstance(given, dict):
        raise TypeError('"context" must be an object')
    values: dict[str, Any] = {}
    for key in _CONTEXT_KEYS:
        value = given.get(key)
        if value is not None and not isinstance(value, str):
            raise TypeError(f'context "{key}" must be a string')
        values[key] = value or ""
    roots = given.get("project_roots") or []
    if isinstance(roots, str):
        roots = [roots]
    if not isinstance(roots, list) or not all(isinstance(root, str) for root in roots):
        raise TypeError('context "project_roots" must be an array of strings')
    return ScrubContext(**values, project_roots=tuple(roots))
