# Everything here is for Cython; see number.pxd.
