"""The kernels, compiled for avx2."""
include "kernel_body.pxi"
