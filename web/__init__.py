"""The shell both applications wear: sign-in and roles, page and form reading, errors, listeners.

Knows people who sign in and pages they see. Knows nothing of cases, punches, guides or the center,
and neither `node` nor `aggregator`.
"""
