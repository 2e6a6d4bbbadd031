"""The compiled pipeline: usual Level 1 lines handled natively, all others by Python."""
