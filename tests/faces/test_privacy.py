"""A person's rights: everything held is told, and everything that tells of the person is erased, by both stores."""
