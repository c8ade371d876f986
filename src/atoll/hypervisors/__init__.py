"""Parts of the composition root, imported by name: the hosts of this process, by driver."""
