"""What a machine really keeps, whether two keep the same, and how to prove it to a third."""
