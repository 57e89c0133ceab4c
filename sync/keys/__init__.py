"""Who may sign what, and where private keys lie."""
