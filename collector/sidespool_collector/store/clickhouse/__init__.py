"""The ClickHouse store: one node, or replicas that several collectors share."""
