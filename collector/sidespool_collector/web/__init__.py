"""The HTTP surface: one module for each resource of the API, and the dashboard pages."""
