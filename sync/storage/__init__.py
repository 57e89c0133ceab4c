"""The storage seam, the tables and their migrations, and files that survive a power cut."""
