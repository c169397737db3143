address: object
"""A capsule with the address of `multiply`; see products.pxd."""
