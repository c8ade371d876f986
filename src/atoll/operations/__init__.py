"""Everything that changes the world: long actions as lists of short, repeatable steps."""
