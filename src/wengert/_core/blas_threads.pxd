# On how many threads does BLAS run while a program does?

cdef void hold() noexcept  # with the GIL: from here on BLAS stays in the thread that calls it
cdef void release() noexcept  # with the GIL: once for each `hold`; after the last, BLAS is as the user had it
