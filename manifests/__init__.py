"""Pure functions from specs to Kubernetes objects and Kafka properties."""
