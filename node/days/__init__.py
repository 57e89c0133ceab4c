"""What each day was for each person, by shift, punches and leave."""
