"""The PostgreSQL store: for a team's server, or for several collectors on one database."""
