/* Products of matrices, ROWS x (2 WIDTH) at a time in registers, with denormals flushed. */

#define UNROLL _Pragma("GCC unroll 8")

/* ---- denormals are flushed inside; `restore` puts the caller's mode back ---- */

#if defined(__SSE__)
INLINE unsigned long flush(void) {
  unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040u);
  return before;
}
INLINE void restore(unsigned long before) { __builtin_ia32_ldmxcsr((unsigned)before); }
#elif defined(__aarch64__)
INLINE unsigned long flush(void) {
  unsigned long before;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" : : "r"(before | (1ul << 24)));
  return before;
}
INLINE void restore(unsigned long before) { __asm__ volatile("msr fpcr, %0" : : "r"(before)); }
#else
INLINE unsigned long flush(void) { return 0; }
INLINE void restore(unsigned long before) { (void)before; }
#endif

/* c[i][v] += sum over k of a[i * sa + k * ka] * b[k * sb + v WIDTH + ...] */
INLINE void accumulate(const int rows, const int vectors, V (*c)[2], const REAL *a, long sa,
                       long ka, const REAL *b, long sb, long count) {
  for (long k = 0; k < count; k++, a += ka, b += sb) {
    V b0 = LOAD(b), b1 = vectors > 1 ? LOAD(b + WIDTH) : b0;
    UNROLL for (int i = 0; i < rows; i++) {
      REAL s = a[i * sa];
      c[i][0] += s * b0;
      if (vectors > 1) c[i][1] += s * b1;
    }
  }
}

/* c = start + a b + a2 b2 over `columns` columns; start: one row for all, or c itself */
struct product {
  REAL *c;
  const REAL *start, *a, *b, *a2, *b2;
  long sc, sa, sb, count, sa2, sb2, count2;
};

INLINE void multiply_block(const int rows, const int vectors, const int from_c,
                           const struct product *p, long i0, long n) {
  V c[8][2];
  UNROLL for (int i = 0; i < rows; i++) {
    const REAL *s = from_c ? p->c + (i0 + i) * p->sc + n : p->start + n;
    c[i][0] = LOAD(s);
    c[i][1] = vectors > 1 ? LOAD(s + WIDTH) : c[i][0];
  }
  if (p->count) accumulate(rows, vectors, c, p->a + i0 * p->sa, p->sa, 1, p->b + n, p->sb, p->count);
  if (p->count2)
    accumulate(rows, vectors, c, p->a2 + i0 * p->sa2, p->sa2, 1, p->b2 + n, p->sb2, p->count2);
  UNROLL for (int i = 0; i < rows; i++) {
    REAL *t = p->c + (i0 + i) * p->sc + n;
    STORE(t, c[i][0]);
    if (vectors > 1) STORE(t + WIDTH, c[i][1]);
  }
}

INLINE void multiply(const int from_c, const struct product *p, long rows, long columns) {
  for (long n = 0; n < columns; n += 2 * WIDTH) {
    long i = 0;
    if (columns - n > WIDTH) {
      for (; i + ROWS <= rows; i += ROWS) multiply_block(ROWS, 2, from_c, p, i, n);
      for (; i < rows; i++) multiply_block(1, 2, from_c, p, i, n);
    } else {
      for (; i + ROWS <= rows; i += ROWS) multiply_block(ROWS, 1, from_c, p, i, n);
      for (; i < rows; i++) multiply_block(1, 1, from_c, p, i, n);
    }
  }
}

static void multiply_start(const struct product *p, long rows, long columns) {
  multiply(0, p, rows, columns);
}
static void multiply_onto(const struct product *p, long rows, long columns) {
  multiply(1, p, rows, columns);
}

/* c (features, columns) += sum over steps and sequences of a[feature] * b[column] */
struct gathering {
  REAL *c;
  const REAL *a, *b;
  long sc, a_step, a_row, b_step, b_row, steps, rows;
};

INLINE void gather_block(const int rows, const int vectors, const struct gathering *p, long i0,
                         long n) {
  V c[8][2];
  UNROLL for (int i = 0; i < rows; i++) {
    c[i][0] = LOAD(p->c + (i0 + i) * p->sc + n);
    c[i][1] = vectors > 1 ? LOAD(p->c + (i0 + i) * p->sc + n + WIDTH) : c[i][0];
  }
  for (long s = 0; s < p->steps; s++)
    accumulate(rows, vectors, c, p->a + s * p->a_step + i0, 1, p->a_row, p->b + s * p->b_step + n,
               p->b_row, p->rows);
  UNROLL for (int i = 0; i < rows; i++) {
    STORE(p->c + (i0 + i) * p->sc + n, c[i][0]);
    if (vectors > 1) STORE(p->c + (i0 + i) * p->sc + n + WIDTH, c[i][1]);
  }
}

static void gather(const struct gathering *p, long features, long columns) {
  for (long n = 0; n < columns; n += 2 * WIDTH) {
    long i = 0;
    if (columns - n > WIDTH) {
      for (; i + ROWS <= features; i += ROWS) gather_block(ROWS, 2, p, i, n);
      for (; i < features; i++) gather_block(1, 2, p, i, n);
    } else {
      for (; i + ROWS <= features; i += ROWS) gather_block(ROWS, 1, p, i, n);
      for (; i < features; i++) gather_block(1, 1, p, i, n);
    }
  }
}
