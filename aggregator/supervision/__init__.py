"""督查: cases, findings, inspections, attendance, as the central office looks at them."""
