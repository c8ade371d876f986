"""What connects the guests of one host: `ports.Network`, once per kind."""
