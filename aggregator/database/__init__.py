"""The center's database: SQLite or PostgreSQL, its commits, its disk, and growing past one."""
