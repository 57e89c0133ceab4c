"""接收: a contact of a hall from the request to the applied entry."""
