"""The process on each host. On one machine it runs inside the control plane's process."""
