"""What every hall agrees on. Pure: no network, no database, no clock."""
