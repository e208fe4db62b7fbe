"""How it is kept: documents, codec, reads, writes and operations, as values. Performs no I/O."""
