"""The collector: takes batches from daemons, keeps them, shows them."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("sidespool")
except PackageNotFoundError:  # run from a tree that was never installed
    VERSION = "0"
