"""What speaks to one kind of hypervisor: `ports.Driver`, once per kind."""
