"""A gateway run for as long as you like among random faults, judged by the promised figures."""
