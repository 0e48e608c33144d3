"""OpenTelemetry log records: read from JSON or Protobuf, and taken for catalog events."""
