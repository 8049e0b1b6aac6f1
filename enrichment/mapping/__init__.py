"""Mappings: how the records of somebody else's system become ours, written in a file that tests itself.

``mapping_file`` is the file's form, ``select`` and ``convert`` are what may stand in it, ``mapping`` applies it,
``check`` finds every mistake in it, ``decoders`` and ``files`` read what a source writes. Nothing here opens a
connection.
"""
