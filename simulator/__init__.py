"""A fictional agency and its days, for the demo, the benchmarks and the tests.

Stands beside ``stream`` and knows the wire models only. ``world.World`` gives the reference data and any of its days,
with the truth beside each access; ``showcase.Showcase`` gives the demo's short day; ``dataset`` writes days as files.
No person, place or client here is real.
"""
