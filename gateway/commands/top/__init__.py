"""`top`: a running gateway in the terminal, over requests alone."""
