# Everything here is for Cython; see quick.pxd.
