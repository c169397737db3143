# Everything here is for Cython; see sweep.pxd.
