"""ZKTeco terminals: a port of their own, orders, and the pages about them."""
