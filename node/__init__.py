"""One branch hall: intake, review, attendance, and what is still to be sent."""
