"""Delivery: who is told of which revision, through which channel, and in which words.

Decisions and words are pure; the channels themselves, which open connections, stand in ``agents/channels``.
"""
