# Everything here is for Cython; see quiet.pxd.
