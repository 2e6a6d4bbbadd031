"""The status page: what a browser is given, as one file without anything from elsewhere."""
