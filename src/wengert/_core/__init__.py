"""The compiled room: the graph, its vars and its kernels. Nobody outside the package imports it."""
