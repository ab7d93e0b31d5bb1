"""Services that show how the platform is used."""
