"""Order books as plain data: rows in, best prices and images out."""
