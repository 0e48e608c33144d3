"""The ways in: raw NDJSON on a local socket, standard input, HTTP and WebSocket."""
