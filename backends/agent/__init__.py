"""The measuring process: the standard library (Python 3.8 up) plus the one runtime that it measures.

Packed as a zipapp and started by `bench.backends.client`, here or on a board. It never imports anything of the
harness: imports inside this package are relative, so that they work under both names.
"""
