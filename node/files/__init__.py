"""Scans and files of the center: kept encrypted, sent behind the log."""
