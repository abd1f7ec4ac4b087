"""Grading of assignments on nnlib: from a notebook that may be broken to points with reasons."""

import os

# Grading is parallel by submission. NumPy and torch read this when they are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
