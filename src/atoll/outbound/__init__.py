"""Connections that users ask this host to make: whereto, and what is sent."""
