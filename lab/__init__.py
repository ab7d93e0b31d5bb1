"""A three-zone Kubernetes on one machine."""
