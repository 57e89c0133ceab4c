"""Who works here: people, PINs, faces and consent."""
