"""`/v2/bare-metals` and the paths below it."""
