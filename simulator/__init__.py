"""A fictional agency and its working days, for the demo, the benchmarks and the tests.

Stands beside ``stream`` and knows the wire models only. Everybody outside uses ``simulator.play``:
``agency`` for the reference data, ``working_day`` for the accesses, ``Label`` for the truth beside them.
No person, place or client here is real.
"""
