"""Grading of assignments on nnlib: from a notebook that may be broken to points with reasons."""
