"""Grading of assignments on nnlib: from a notebook that may be broken to points with reasons."""

import os

# Submissions are graded in parallel, so each gets one thread. NumPy and torch read this when they
# are loaded.
os.environ.setdefault("OMP_NUM_THREADS", "1")
