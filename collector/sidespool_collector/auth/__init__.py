"""Who may do what: tokens, roles, and the dashboard's signed sessions."""
