"""Backups of a whole machine, how long they stay, and room for bad days."""
