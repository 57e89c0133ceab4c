"""Terminals of other makers: what each one says on its wire, read into ``RawPunch``; nothing else.

An adapter is pure: bytes and the moment of their arrival in, values out. Templates, photographs
and passwords that a terminal sends along are dropped while reading and only counted.
"""
