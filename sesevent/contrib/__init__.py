"""One file for each thing outside, one extra each; none is imported before it is asked for."""
