"""Leave from the request to the return, balances, comp time and offices."""
