"""Alerts: detection, the alert itself, its store, and who is notified of it.

One owner for what may be *said*: every sentence that a person reads is made here.
"""
