"""Motion: take a batch of messages, carry it through, acknowledge it.

Agents carry, they do not think; importing them registers nothing.
"""
