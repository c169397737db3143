"""The kernels, compiled for avx512."""
include "kernel_body.pxi"
