// SPDX-License-Identifier: Apache-2.0
/* Compiler attributes under one spelling. Header only; everything may include it. */
#ifndef DAM_BASE_ATTR_H
#define DAM_BASE_ATTR_H

/* The caller has to look at the result. */
#define DAM_MUST_USE __attribute__((warn_unused_result))
#define DAM_NOINLINE __attribute__((noinline))
#define DAM_ALWAYS_INLINE static inline __attribute__((always_inline))
#define DAM_PRINTF(fmt_index, args_index) __attribute__((format(printf, fmt_index, args_index)))
#define DAM_NORETURN __attribute__((noreturn))

#define DAM_LIKELY(x) __builtin_expect(!!(x), 1)
#define DAM_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Assembler and intrinsics of this processor may be used. -Dportable=true turns them off, so that
 * what runs on arm64 can be tested here. */
#if defined(__x86_64__) && !defined(DAM_PORTABLE)
#define DAM_X86_64 1
#endif

/* Built with AddressSanitizer, which gcc tells by a macro and clang by a feature. */
#if defined(__SANITIZE_ADDRESS__)
#define DAM_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define DAM_ASAN 1
#endif
#endif

#define DAM_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
