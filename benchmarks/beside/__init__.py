"""Measures the engine beside other programs: what benchmarks/run.py is made of. Python 3.9, no packages."""
