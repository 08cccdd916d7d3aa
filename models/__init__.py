"""Floor 2: the zoo, emitters, and reading of model files. Runs nothing.

Import the modules: `catalog` (which models there are), `artifacts` (a model file of the zoo), `inspect` (what a model
file says), `inputs` (seeded inputs), `dag` (the shape of a graph as one hash), `ops` and `cost` (its ops, with MACs and
bytes), `lint` (advice before the phone), `compare` (two graphs). None of them loads NumPy, ONNX or the TFLite schema
before it has to.
"""
