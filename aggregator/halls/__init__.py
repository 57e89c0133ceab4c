"""The branch halls: the roster, enrolment, how each stands, and closing one."""
