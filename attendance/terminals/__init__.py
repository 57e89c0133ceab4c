"""What each kind of terminal says on its wire, and what may be believed of it; nothing else.

Terminals of other makers are read into ``RawPunch``: an adapter is pure, bytes and the moment of
their arrival in, values out; templates, photographs and passwords that a terminal sends along are
dropped while reading and only counted. Our own kiosks send signed, chained events (``kiosk``).
"""
