"""`doctor`: walks the way from the configuration to a consumer and names what to fix first."""
