"""Channels: how a message leaves. Each tries once and says what became of it; waiting and counting are the agent's.

A channel never raises for what a server or a network does: it answers Sent, Again or Refused, with
a class or a status as the reason, never with a text that might quote an address.
"""
