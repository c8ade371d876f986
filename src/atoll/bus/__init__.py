"""Connections between the control plane and the agents."""
