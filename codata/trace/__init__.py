"""Rows led back: from a row of a dataset to the files that it came from."""
