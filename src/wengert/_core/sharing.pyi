# Everything here is for Cython; see sharing.pxd.
