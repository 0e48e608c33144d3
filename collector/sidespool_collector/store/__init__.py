"""Where events live: the contract every store keeps, and the stores. All SQL is here."""
