"""Drivers of hypervisors: one implementation of `ports.Driver` per kind."""
