"""What a stack costs a month: pure functions from its typed configuration and one table of prices."""
