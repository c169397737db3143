"""The kernels, compiled for baseline."""
include "kernel_body.pxi"
