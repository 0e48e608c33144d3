"""Says no before memory or the store suffers: counts what is being worked on."""

from collections.abc import Iterator
from contextlib import contextmanager

REQUESTS_MAX = 512


class OverloadedError(Exception):
    """Too much is under way; come again in `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class Share:
    """What one request holds of the whole."""

    def __init__(self, admission: "Admission") -> None:
        self._admission = admission
        self.held = 0

    def grow(self, size_bytes: int) -> None:
        """Holds `size_bytes` more; raises OverloadedError where that is too much for all."""
        admission = self._admission
        if admission.bytes + size_bytes > admission.bytes_max and admission.requests > 1:
            raise OverloadedError(2)
        admission.bytes += size_bytes
        self.held += size_bytes


class Admission:
    """Requests and unpacked bytes under way, in all."""

    def __init__(self, bytes_max: int, requests_max: int = REQUESTS_MAX) -> None:
        self.bytes_max = bytes_max
        self.requests_max = requests_max
        self.bytes = 0
        self.requests = 0

    @contextmanager
    def share(self) -> Iterator[Share]:
        """A share for one request; raises OverloadedError where there are too many."""
        if self.requests >= self.requests_max:
            raise OverloadedError(1)
        self.requests += 1
        share = Share(self)
        try:
            yield share
        finally:
            self.requests -= 1
            self.bytes -= share.held
