"""`/v2/bare-metals` and what is below it."""
