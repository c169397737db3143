# Everything here is for Cython; see array_sweep.pxd.
