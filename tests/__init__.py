"""The tests, in the order of the tree they test. tests/journeys holds one file per promise."""
