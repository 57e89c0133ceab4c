"""What received entries do: applied once, put aside when they cannot, mended when tables differ."""
