"""The vendor's protocol without I/O: lines, values, commands, and the session state machine."""
