"""Personal parts: sealed on the way, encrypted at rest, erased by order."""
