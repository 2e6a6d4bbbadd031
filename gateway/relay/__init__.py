"""A relay: one subscription of the gateway's data for many consumers of its own."""
