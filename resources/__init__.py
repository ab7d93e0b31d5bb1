"""Dynamic Pulumi resources for what no provider covers."""
