"""Ways to hand a sealed batch to somebody: http, file, stdout, none, and several at once (tee)."""
