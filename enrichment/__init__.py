"""Facts: the access, and what is known of the people in it.

Sees nothing else of ours. One owner for what may be *unknown*: ``enrichment/facts.py``.
"""
