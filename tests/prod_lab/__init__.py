"""The prod stack on the lab: machines by its node groups, an account at moto, names that resolve, a clone to run it."""
