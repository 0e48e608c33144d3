"""Mounts the operator's verbs, which live with the collector and need the extra's libraries."""

import importlib

import click

# By name, so that the daemon's types are checked without the collector's libraries.
collector: click.Group = importlib.import_module("sidespool_collector.cli").collector
