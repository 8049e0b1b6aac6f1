"""Judgement: the rules, what excuses, and the engine that asks them."""
