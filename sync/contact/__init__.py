"""One contact of a hall with the center: asking, sending, receiving, handing on."""
