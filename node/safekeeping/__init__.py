"""Backup, restore, a new machine for the hall, and erasure by lawful order."""
