"""What crosses a process or machine boundary: catalog, events, frames, uploads, outcomes."""
