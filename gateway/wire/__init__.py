"""Topics, msgpack and sequences: how messages become frames."""
