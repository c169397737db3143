"""Which SIMD builds can this processor run, with the operating system's consent?"""

cdef extern from "cpu.h":
    bint cpu_has_avx2()
    bint cpu_has_avx512()


def supported_builds():
    """Names of the builds that would run here, the plainest first."""
    return ["baseline"] + ["avx2"] * cpu_has_avx2() + ["avx512"] * cpu_has_avx512()
