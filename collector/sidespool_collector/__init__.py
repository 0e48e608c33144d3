"""The collector: takes batches from daemons, keeps them, shows them."""
