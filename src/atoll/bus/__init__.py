"""How the control plane and the agents reach one another."""
