"""Restored, cloned, dead: epochs, the high-water mark, and a history that comes back."""
