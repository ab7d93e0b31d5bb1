"""A stand-in for AWS's Pulumi plugin: the same types, driven against moto or another server of AWS's API near by."""
