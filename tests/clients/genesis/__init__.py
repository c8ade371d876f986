"""Genesis Cloud's client, and answers held against the shapes that its clients expect."""
