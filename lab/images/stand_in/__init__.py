"""An image for programs whose own can't be had: it answers their health probes, and says that it isn't them."""
