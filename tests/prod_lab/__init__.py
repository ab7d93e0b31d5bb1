"""The prod stack on the lab: machines as its node groups, an account of moto's, names that resolve, a clone to run it from."""
