"""Vendor lines to messages: columns, values, Eastern times, and what is published when."""
