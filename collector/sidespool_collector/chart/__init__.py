"""From stored facts to the figures a person looks at; no store and no HTTP in here."""
