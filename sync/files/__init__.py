"""Scans and pictures under encryption: kept, counted, and carried after the log."""
