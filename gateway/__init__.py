"""The gateway process: reads DTN IQFeed, publishes normalized messages over ZeroMQ."""

__version__ = "0.1.0"
