"""The two clocks, as the uploader asks for them."""

import time


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""
        return time.monotonic()

    def unix_ms(self) -> int:
        """Milliseconds since 1970, as right as the machine knows."""
        return time.time_ns() // 1_000_000
