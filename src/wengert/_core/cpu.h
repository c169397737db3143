/* What can this processor run, with the operating system's consent?
 *
 * AVX registers must be saved by the operating system at a task switch; the compilers' run-time query asks for both. */
#ifndef WENGERT_CPU_H
#define WENGERT_CPU_H

#if defined(_MSC_VER) && defined(_M_X64)
#include <windows.h>
/* Numbers of winnt.h in SDKs that do not have the names yet. */
static int cpu_has_avx2(void) { return IsProcessorFeaturePresent(40) != 0; }
static int cpu_has_avx512(void) { return IsProcessorFeaturePresent(41) != 0; }
#elif (defined(__x86_64__) || defined(_M_X64)) && (defined(__GNUC__) || defined(__clang__))
static int cpu_has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static int cpu_has_avx512(void) {
    return cpu_has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
}
#else
static int cpu_has_avx2(void) { return 0; }
static int cpu_has_avx512(void) { return 0; }
#endif

#endif
