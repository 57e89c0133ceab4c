"""The central office: halls, standards, inspection, and whether all are in step."""
