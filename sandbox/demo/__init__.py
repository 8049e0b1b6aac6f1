"""A working day of a fictional agency, played and shown."""
