"""Ways to hand a sealed batch to somebody, or to several at once (tee).

http, otlp, posthog, file, stdout, none: what `TELEMETRY_EXPORTER` may name.
"""
