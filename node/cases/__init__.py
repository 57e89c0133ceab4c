"""What happens to a case at the hall: taken in, decided, printed, asked about."""
