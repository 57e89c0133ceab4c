"""Backup, restore with what halls give back, and erasure by lawful order."""
