"""Operations: changes that take time, as lists of short, repeatable steps."""
