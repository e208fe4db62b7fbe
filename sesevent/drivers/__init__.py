"""The two drivers, which perform what plans yield: by calling, and by awaiting."""
