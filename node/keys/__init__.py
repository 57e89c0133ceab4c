"""The hall's keys and its place in the center's roster."""
