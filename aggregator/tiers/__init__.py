"""层级: a county's center and the city's above it."""
