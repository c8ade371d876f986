"""The images of a host: built from recipes or downloaded and checked, in one store."""
