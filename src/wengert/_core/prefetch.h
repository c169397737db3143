/* How does a loop ask for memory before it needs it?  A hint only: nothing happens where there is no such instruction. */
#ifndef WENGERT_PREFETCH_H
#define WENGERT_PREFETCH_H

#if defined(__GNUC__) || defined(__clang__)
#define prefetch(address) __builtin_prefetch(address)
#define prefetch_to_write(address) __builtin_prefetch(address, 1)
#else
#define prefetch(address) ((void)(address))
#define prefetch_to_write(address) ((void)(address))
#endif

#endif
