"""How the gateway is: latency, facts of the last seconds, and the verdict over them."""
