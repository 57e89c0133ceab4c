"""The hall's own terminals: pairing, keys, the kiosk page and what it sends."""
