"""Who signed in, and what all of it came to."""
