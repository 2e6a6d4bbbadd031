"""All I/O: the feed thread, connections to IQConnect, the data and the control socket."""
