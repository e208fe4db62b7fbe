"""The stories of more than one step. They yield operations and perform none."""
