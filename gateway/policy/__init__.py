"""Decisions on a clock that is handed in: leases, demand, subscriptions, backoff."""
