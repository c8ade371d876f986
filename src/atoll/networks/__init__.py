"""Networks of the guests of one host: the implementations of `ports.Network`."""
