/* The few vector operations that the float kernels are written in. A Vec holds LANES floats: as
 * many as the instruction set that the compiler was told of has in one register. Channels of
 * every tensor are padded with zeros to a multiple of LANES, so no kernel has a remainder loop.
 *
 * Copyright the nasc authors. SPDX-License-Identifier: Apache-2.0 */
#ifndef VECTOR_H
#define VECTOR_H

#if defined(__SSE__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { LANES = 16 };
#elif defined(__AVX__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
typedef float Vec __attribute__((vector_size(LANES * sizeof(float))));
/* The same, where an address need not be a multiple of the size. */
typedef float VecAny __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The least multiple of LANES that is not below n. */
static inline int lanes_up(int n) {
    return (n + LANES - 1) / LANES * LANES;
}

ALWAYS_INLINE Vec vec_load(const float *at) {
    return *(const VecAny *)at;
}

ALWAYS_INLINE void vec_store(float *at, Vec v) {
    *(VecAny *)at = v;
}

ALWAYS_INLINE Vec vec_all(float x) {
#if defined(__AVX512F__)
    return _mm512_set1_ps(x);
#elif defined(__AVX__)
    return _mm256_set1_ps(x);
#else
    return (Vec){x, x, x, x};
#endif
}

/* a * b + c, fused where the machine can. */
ALWAYS_INLINE Vec vec_fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__) && defined(__AVX__)
    return _mm256_fmadd_ps(a, b, c);
#else
    return a * b + c;
#endif
}

ALWAYS_INLINE Vec vec_min(Vec a, Vec b) {
#if defined(__AVX512F__)
    return _mm512_min_ps(a, b);
#elif defined(__AVX__)
    return _mm256_min_ps(a, b);
#elif defined(__SSE__)
    return _mm_min_ps(a, b);
#else
    for (int i = 0; i < LANES; i++)
        a[i] = a[i] < b[i] ? a[i] : b[i];
    return a;
#endif
}

ALWAYS_INLINE Vec vec_max(Vec a, Vec b) {
#if defined(__AVX512F__)
    return _mm512_max_ps(a, b);
#elif defined(__AVX__)
    return _mm256_max_ps(a, b);
#elif defined(__SSE__)
    return _mm_max_ps(a, b);
#else
    for (int i = 0; i < LANES; i++)
        a[i] = a[i] > b[i] ? a[i] : b[i];
    return a;
#endif
}

ALWAYS_INLINE Vec vec_floor(Vec a) {
#if defined(__AVX512F__)
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif defined(__AVX__)
    return _mm256_floor_ps(a);
#else
    for (int i = 0; i < LANES; i++)
        a[i] = __builtin_floorf(a[i]);
    return a;
#endif
}

/* yes where low <= a <= high, elsewhere no. */
ALWAYS_INLINE Vec vec_between(Vec a, Vec low, Vec high, Vec yes, Vec no) {
#if defined(__AVX512F__)
    __mmask16 in = _mm512_cmp_ps_mask(a, low, _CMP_GE_OQ);
    in = _mm512_mask_cmp_ps_mask(in, a, high, _CMP_LE_OQ);
    return _mm512_mask_blend_ps(in, no, yes);
#else
    for (int i = 0; i < LANES; i++)
        a[i] = a[i] >= low[i] && a[i] <= high[i] ? yes[i] : no[i];
    return a;
#endif
}

static inline float vec_sum(Vec a) {
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += a[i];
    return sum;
}

/* Denormal numbers, which are a hundred times slower, count as zero until restored. */
static inline unsigned denormals_flush(void) {
#if defined(__SSE__)
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    return before;
#else
    return 0;
#endif
}

static inline void denormals_restore(unsigned before) {
#if defined(__SSE__)
    _mm_setcsr(before);
#else
    (void)before;
#endif
}

#endif
