"""The hall's side of the exchange with the center, by wire and by stick, and what became of it."""
