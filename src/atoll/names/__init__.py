"""The names of addresses, for resolvers."""
