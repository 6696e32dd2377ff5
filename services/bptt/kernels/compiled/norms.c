/* The 2-norm of the gradient with respect to a state, over all sequences of a tile. */

#if DOUBLE /* a square may overflow, so they are scaled by the largest, once all are known */
static double norm_of(const REAL *d, long rows, long n, long stride) {
  double sum = 0, peak = 0;
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < n; j++) {
      double a = __builtin_fabs(d[i * stride + j]);
      if (a != a) return a;
      if (a > peak) peak = a;
    }
  if (peak == 0 || peak > 1.7976931348623157e308) return peak;
  for (long i = 0; i < rows; i++)
    for (long j = 0; j < n; j++) {
      double a = d[i * stride + j] / peak;
      sum += a * a;
    }
  return peak * __builtin_sqrt(sum);
}
#else /* the square of a float never overflows a double, so they are added up in registers */
typedef double D __attribute__((vector_size(VECTOR_BYTES)));
typedef double W __attribute__((vector_size(2 * VECTOR_BYTES)));
struct squares { D low, high; };

INLINE void add_squares(struct squares *to, V a) {
  /* a whole vector: the compiler would convert halves a quarter at a time */
  union { W whole; D half[2]; } of = {__builtin_convertvector(a, W)};
  to->low += of.half[0] * of.half[0];
  to->high += of.half[1] * of.half[1];
}

static double norm_of(D squares) {
  double sum = 0;
  for (long l = 0; l < WIDTH / 2; l++) sum += squares[l];
  return __builtin_sqrt(sum);
}
#endif
