"""The questions and acts of the HTTP API, by subject. Each asks one thing of the store."""
