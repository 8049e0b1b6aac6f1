"""Judgement: rules, explanations, the alert, its store, its delivery.

One owner for what may be *said*: every sentence that a person reads is made here.
"""
