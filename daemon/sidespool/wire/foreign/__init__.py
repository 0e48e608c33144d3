"""The forms in which receivers that are no collector of ours take events: OTLP and PostHog."""
