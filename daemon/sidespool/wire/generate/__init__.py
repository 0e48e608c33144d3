"""Everything that is made from the catalog and the frames: pure renderers, one a target."""
