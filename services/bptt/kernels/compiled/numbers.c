/* Vectors of numbers as wide as the processor's registers, and functions of them.

   The lines before this comment say what REAL, INTEGER, LIBM and DOUBLE are. Results are
   NaN or infinite where torch's are. */

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define ROWS 8
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define ROWS 4
#else /* a type wider than the registers would be many times slower, not twice */
#define VECTOR_BYTES 16
#define ROWS 4
#endif

typedef REAL V __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL U __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
typedef INTEGER M __attribute__((vector_size(VECTOR_BYTES)));

#define WIDTH ((long)(VECTOR_BYTES / sizeof(REAL)))
_Static_assert(sizeof(long) == 8 && sizeof(void *) == 8, "a 64-bit machine");
#define INLINE static inline __attribute__((always_inline))

REAL LIBM(expm1)(REAL);
REAL LIBM(sin)(REAL);
REAL LIBM(cos)(REAL);
REAL LIBM(erf)(REAL);
REAL LIBM(atan)(REAL);
REAL LIBM(pow)(REAL, REAL);
REAL LIBM(sqrt)(REAL);

#define K(x) ((REAL)(x) - (V){0}) /* keeps the sign of -0 */
#define SIXTH K(1.0f / 6.0f) /* torch uses this precision even for double */
#define LOAD(p) ((V) * (const U *)(p))
#define STORE(p, v) (*(U *)(p) = (U)(v))

INLINE V choose(M m, V a, V b) { return (V)((m & (M)a) | (~m & (M)b)); }
INLINE V absolute(V a) { return (V)((M)a & ~(M)K(-0.0)); }
INLINE V with_sign(V a, V of) { return (V)(((M)a & ~(M)K(-0.0)) | ((M)of & (M)K(-0.0))); }
INLINE V number(M m) { return (V)(m & (M)K(1)); }
/* NaN wherever an argument is NaN, as in torch */
INLINE V at_least(V a, V low) { return choose((M)(a < low), low, a); }
INLINE V at_most(V a, V high) { return choose((M)(a > high), high, a); }
INLINE V larger(V a, V b) { return choose((M)((a > b) | (a != a)), a, b); }
INLINE V smaller(V a, V b) { return choose((M)((a < b) | (a != a)), a, b); }
INLINE V sign_of(V a) { return number((M)(a > K(0))) - number((M)(a < K(0))); }

#define LANES(name, call)                                  \
  static V name(V a) {                                     \
    V r;                                                   \
    for (long l = 0; l < WIDTH; l++) r[l] = LIBM(call)(a[l]); \
    return r;                                              \
  }
LANES(v_expm1, expm1)
LANES(v_sin, sin)
LANES(v_cos, cos)
LANES(v_erf, erf)
LANES(v_atan, atan)
INLINE V v_sqrt(V a) {
  V r;
  for (long l = 0; l < WIDTH; l++) r[l] = LIBM(sqrt)(a[l]);
  return r;
}
static V v_pow(V a, V b) {
  V r;
  for (long l = 0; l < WIDTH; l++) r[l] = LIBM(pow)(a[l], b[l]);
  return r;
}

#if DOUBLE
#define MAGIC 6755399441055744.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define EXP_HIGH 710.0
#define EXP_LOW -746.0
#define TANH_END 40.0
#define EXPONENT_BIAS 1023
#define MANTISSA_BITS 52
#else
#define MAGIC 12582912.0
#define LN2_HIGH 0.693359375
#define LN2_LOW -2.12194440e-4
#define EXP_HIGH 89.0
#define EXP_LOW -104.0
#define TANH_END 20.0
#define EXPONENT_BIAS 127
#define MANTISSA_BITS 23
#endif
#define LOG2_E 1.44269504088896340736

/* a = n ln 2 + r; returns exp(r) - 1 to full relative precision, however small r is */
INLINE V reduced(V a, M *n) {
  V t = a * (REAL)LOG2_E + (REAL)MAGIC;
  *n = (M)t - (M)K(MAGIC);
  t = t - (REAL)MAGIC;
  V r = a - t * (REAL)LN2_HIGH;
  r = r - t * (REAL)LN2_LOW;
#if DOUBLE
  V p = r * 1.6059043836821613e-10 + 2.0876756987868099e-9;
  p = p * r + 2.5052108385441719e-8;
  p = p * r + 2.7557319223985893e-7;
  p = p * r + 2.7557319223985888e-6;
  p = p * r + 2.4801587301587302e-5;
  p = p * r + 1.9841269841269841e-4;
  p = p * r + 1.3888888888888889e-3;
  p = p * r + 8.3333333333333332e-3;
  p = p * r + 4.1666666666666664e-2;
  p = p * r + 1.6666666666666666e-1;
  p = p * r + 0.5;
#else /* Cephes, expf */
  V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
#endif
  return r + r * r * p;
}
INLINE V power_of_2(M n) { return (V)((n + EXPONENT_BIAS) << MANTISSA_BITS); }

INLINE V v_exp(V a) {
  M n;
  V y = reduced(at_least(at_most(a, K(EXP_HIGH)), K(EXP_LOW)), &n) + (REAL)1;
  /* in two factors, because 2^128 overflows */
  M half = n >> 1;
  return y * power_of_2(half) * power_of_2(n - half);
}
/* a = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); fdlibm */
INLINE V v_log(V a) {
  M k = ((M)a - (M)K(0.70710678118654752440)) >> MANTISSA_BITS;
  V n = (V)(k + (M)K(MAGIC)) - (REAL)MAGIC;
  V f = (V)((M)a - (k << MANTISSA_BITS)) - (REAL)1;
  V s = f / (f + (REAL)2), z = s * s, half = (REAL)0.5 * f * f;
#if DOUBLE
  V p = z * 1.479819860511658591e-01 + 1.531383769920937332e-01;
  p = p * z + 1.818357216161805012e-01;
  p = p * z + 2.222219843214978396e-01;
  p = p * z + 2.857142874366239149e-01;
  p = p * z + 3.999999999940941908e-01;
  p = p * z + 6.666666666666735130e-01;
#else
  V p = z * 0.24279078841f + 0.28498786688f;
  p = p * z + 0.40000972152f;
  p = p * z + 0.66666662693f;
#endif
  V y = n * (REAL)LN2_HIGH - ((half - (s * (half + p * z) + n * (REAL)LN2_LOW)) - f);
  y = choose((M)(a == K(__builtin_inf())), a, y);
  return choose((M)(a > K(0)), y, choose((M)(a == K(0)), K(-__builtin_inf()), K(__builtin_nan(""))));
}
INLINE V v_log1p(V a) {
  /* corrects in proportion for what rounding took from 1 + a (Kahan) */
  V u = (REAL)1 + a, d = u - (REAL)1;
  V y = v_log(u) * (a / d);
  y = choose((M)(u == K(__builtin_inf())), u, y);
  return choose((M)(d == K(0)), a, y);
}
INLINE V v_sigmoid(V a) { return (REAL)1 / ((REAL)1 + v_exp(-a)); }
INLINE V v_tanh(V a) {
  M n;
  V q = reduced(at_least((REAL)-2 * absolute(a), K(-TANH_END)), &n), s = power_of_2(n);
  V e = s * q + (s - (REAL)1); /* exp(-2 |a|) - 1 */
  return with_sign(e / (e + (REAL)2), a);
}

/* F.gelu, with the operations in torch's order */
#define ROOT_HALF K(0.70710678118654752440)
#define ROOT_2_PI K(0.79788456080286535588) /* sqrt(2 / pi) */
INLINE V gelu_by_erf(V a) { return K(0.5) * a * (K(1) + v_erf(a * ROOT_HALF)); }
INLINE V slope_of_gelu_by_erf(V a) {
  return K(0.5) * (K(1) + v_erf(a * ROOT_HALF)) + a * K(0.5) * ROOT_2_PI * v_exp(a * a * K(-0.5));
}
INLINE V gelu_by_tanh(V a) {
  return K(0.5) * a * (K(1) + v_tanh(ROOT_2_PI * (a + K(0.044715) * a * a * a)));
}
INLINE V slope_of_gelu_by_tanh(V a) {
  V t = v_tanh(ROOT_2_PI * (a + K(0.044715) * a * a * a));
  V inner = ROOT_2_PI * (K(1) + K(3 * 0.044715) * a * a);
  return K(0.5) * (K(1) + t) + K(0.5) * a * (K(1) - t * t) * inner;
}
