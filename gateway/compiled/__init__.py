"""The compiled twin of the Level 1 hot path: usual lines to frames without the interpreter."""
