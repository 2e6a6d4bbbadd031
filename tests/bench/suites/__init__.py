"""What can be measured, one suite a module; each has `make`, which makes it for this machine."""
