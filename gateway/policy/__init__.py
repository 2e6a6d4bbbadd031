"""Decisions on a clock that is handed in: breaker, retries, login, shards, leases, demand."""
