"""Every refusal the API gives: a stable word and a constant sentence that says what to do."""

import math
from collections.abc import Mapping

import msgspec
from aiohttp import web

DETAILS = {
    "bad_gzip": "The body is not whole gzip: send it again, or without Content-Encoding.",
    "bad_json": "The body is not what its Content-Type says: send NDJSON or one JSON array.",
    "bad_key": "Idempotency-Key must be 1 to 200 visible ASCII characters.",
    "bad_query": "A query parameter has no usable value: see /api/v1/openapi.json.",
    "bad_request": "The request cannot be read.",
    "unauthorized": "Send Authorization: Bearer with a valid token.",
    "forbidden": "This token's role does not allow that: ask the operator for another.",
    "not_found": "There is nothing here: see /api/v1/openapi.json.",
    "method_not_allowed": "This path takes another method: see Allow.",
    "timeout": "The body did not arrive in time: send it again.",
    "too_large": "The body is over a limit: send fewer events at once.",
    "unsupported_type": "Send application/x-ndjson or application/json.",
    "bad_otlp": "The body is not an ExportLogsServiceRequest of the type its header says.",
    "unsupported_otlp": "Send OTLP logs as application/x-protobuf or application/json.",
    "unsupported_encoding": "Send gzip or no Content-Encoding.",
    "rate_limited": "Too much at once: wait as long as Retry-After says.",
    "overloaded": "The collector is busy: wait as long as Retry-After says.",
    "bad_sql": "The statement was refused.",
    "no_console": "This collector runs no SQL: see the operator's guide.",
    "missing_extra": "Parquet needs an optional part: pip install 'sidespool[collector]'.",
    "internal": "Something went wrong here; the operator finds it in the log.",
    "no_event": "No stored event has this id: upload the event first.",
    "too_many": "The event has this file already, or as many as it may have.",
    "cross_site": "This form was sent from another site.",
}


class ProblemError(Exception):
    """Ends a request with one of `DETAILS`, or with words of its own for a person's mistake."""

    def __init__(
        self, status: int, word: str, headers: Mapping[str, str] | None = None, *, detail: str = ""
    ) -> None:
        super().__init__(word)
        self.detail = detail or DETAILS[word]
        self.status = status
        self.word = word
        self.headers = dict(headers or {})

    def response(self) -> web.Response:
        """As JSON."""
        body = msgspec.json.encode({"error": self.word, "detail": self.detail})
        return web.Response(
            body=body, status=self.status, content_type="application/json", headers=self.headers
        )


def come_again(status: int, word: str, seconds: float) -> ProblemError:
    """A refusal with Retry-After, in whole seconds, at least one."""
    return ProblemError(status, word, {"Retry-After": str(max(1, math.ceil(seconds)))})


def json_response(value: object, status: int = 200) -> web.Response:
    """Any msgspec value as JSON."""
    return web.Response(
        body=msgspec.json.encode(value), status=status, content_type="application/json"
    )
