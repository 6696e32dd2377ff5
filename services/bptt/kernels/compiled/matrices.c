/* Products of matrices, a block of rows and vectors at a time in registers, with denormals flushed.

   Every number is summed by itself and in the order of k, so that neither how a matrix lies in
   memory nor in which block a row is changes a bit. */

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

/* ---- memory ---- */

void *aligned_alloc(unsigned long, unsigned long);
void free(void *);
#ifdef __linux__
int madvise(void *, unsigned long, int);
#endif

#define LARGE_PAGE (1ul << 21)

/* Room for so many numbers, to be freed; 0 if there is none. The system gives and takes much of it
   with every call, page by page, which takes a seventh of an update of 1024 units: so large pages. */
static REAL *room_for(long numbers) {
  const unsigned long bytes = sizeof(REAL) * numbers;
  if (bytes < 4 * LARGE_PAGE) return aligned_alloc(VECTOR_BYTES, bytes);
  const unsigned long whole = (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
  REAL *room = aligned_alloc(LARGE_PAGE, whole);
#ifdef __linux__
  if (room) madvise(room, whole, 14); /* MADV_HUGEPAGE; refused where there are none */
#endif
  return room;
}

/* ---- matrices as products read them ---- */

#define ROUND(n) (((n) + WIDTH - 1) / WIDTH * WIDTH)
/* not a multiple of a power of two, so that columns do not compete for the same cache lines */
#define STRIDE(n) ((n) + WIDTH)
#define PANEL (2 * WIDTH)
#define CHUNK (8 * WIDTH) /* columns that all rows go through before the next ones */
#define AHEAD 32 /* rows of a panel */
#define LAID 32 /* rows that are copied together: a page of memory each */

/* Columns in panels of two vectors: `panel` numbers from one to the next, `row` within one. `first`
   is the number of the first column, a multiple of PANEL; `numbers` is what the matrix takes. */
struct matrix { REAL *at; long row, panel, first, numbers; };

/* Row after row suits small matrices. In large ones rows are so far apart that every one costs a
   miss in the translation of addresses; there panel after panel is in the order of reading. */
INLINE struct matrix in_rows(long rows, long columns) {
  const long row = STRIDE(columns);
  return (struct matrix){0, row, PANEL, 0, rows * row};
}
INLINE struct matrix in_panels(long rows, long columns) {
  const long panel = rows * PANEL;
  return (struct matrix){0, PANEL, panel, 0, (columns + PANEL - 1) / PANEL * panel};
}
INLINE REAL *column(const struct matrix *m, long n) {
  return m->at + (n - m->first) / PANEL * m->panel + n % PANEL;
}

/* m[k, n + j] = from[k * step + j] */
static void lay(const struct matrix *m, long n, const REAL *from, long step, long rows,
                long columns) {
  for (long k0 = 0; k0 < rows; k0 += LAID) {
    const long end = rows < k0 + LAID ? rows : k0 + LAID;
    for (long j = 0, taken; j < columns; j += taken) {
      taken = m->panel == PANEL ? columns : PANEL - (n + j) % PANEL;
      if (taken > columns - j) taken = columns - j;
      for (long k = k0; k < end; k++)
        __builtin_memcpy(column(m, n + j) + k * m->row, from + k * step + j, taken * sizeof(REAL));
    }
  }
}

/* m[i + j, k] = from[k * step + j], in tiles of whole cache lines */
static void lay_transposed(const struct matrix *m, long i, const REAL *from, long step,
                           long columns, long rows) {
  for (long j0 = 0; j0 < rows; j0 += 16)
    for (long k0 = 0; k0 < columns; k0 += PANEL) {
      REAL *to = column(m, k0) + i * m->row;
      for (long j = j0; j < rows && j < j0 + 16; j++)
        for (long k = 0; k < PANEL && k0 + k < columns; k++)
          to[j * m->row + k] = from[(k0 + k) * step + j];
    }
}

/* ---- products ---- */

/* rows of c = start + a b + a2 b2; start: one row for all (its step is 0), or c itself */
struct product {
  REAL *c;
  const REAL *start, *a, *a2;
  struct matrix b, b2;
  long sc, step, sa, sa2, count, count2;
  const long *at; /* which rows, in this order; no other is computed */
  long rows;      /* how many: filled in by `multiply` */
};

/* c[i][v] += sum over k of a[i][k] * b[k, v], the vectors of b in panels; meanwhile so many vectors
   are fetched from `ahead` on, which is `pace` numbers further with every k */
INLINE void accumulate(const int rows, const int vectors, V (*c)[8], const REAL *const *a,
                       const REAL *b, long sb, long panel, long count, const int fetched,
                       const REAL *ahead, long pace) {
  for (long k = 0; k < count; k++, b += sb) {
    V of_b[8];
    UNROLL for (int v = 0; v < fetched; v++)
      __builtin_prefetch(ahead + k * pace + v / 2 * panel + v % 2 * WIDTH);
    UNROLL for (int v = 0; v < vectors; v++) of_b[v] = LOAD(b + v / 2 * panel + v % 2 * WIDTH);
    UNROLL for (int i = 0; i < rows; i++) {
      const REAL s = a[i][k];
      UNROLL for (int v = 0; v < vectors; v++) c[i][v] += s * of_b[v];
    }
  }
}

INLINE void multiply_block(const int rows, const int vectors, const struct product *p, long i0,
                           long n) {
  V c[8][8];
  const REAL *a[8], *b = column(&p->b, n);
  const long *at = p->at + i0;
  UNROLL for (int i = 0; i < rows; i++) {
    a[i] = p->a + at[i] * p->sa;
    UNROLL for (int v = 0; v < vectors; v++)
      c[i][v] = LOAD(p->start + at[i] * p->step + n + v * WIDTH);
  }
  if (p->count && p->b.panel > PANEL && vectors > 1) {
    /* many rows: each block of them fetches its share of the next panel; few: the way through a
       panel is not longer than that of what is fetched */
    const long blocks = p->rows > ROWS ? p->rows / ROWS : 1;
    const long pace = rows == ROWS ? PANEL / blocks : PANEL;
    const REAL *ahead = b + (rows == ROWS ? p->b.panel + i0 / ROWS * p->count * pace : AHEAD * PANEL);
    accumulate(rows, vectors, c, a, b, p->b.row, p->b.panel, p->count,
               rows == ROWS ? 1 : vectors, ahead, pace);
  } else if (p->count) {
    accumulate(rows, vectors, c, a, b, p->b.row, p->b.panel, p->count, 0, 0, 0);
  }
  if (p->count2) {
    UNROLL for (int i = 0; i < rows; i++) a[i] = p->a2 + at[i] * p->sa2;
    accumulate(rows, vectors, c, a, column(&p->b2, n), p->b2.row, p->b2.panel, p->count2, 0, 0, 0);
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < vectors; v++) STORE(p->c + at[i] * p->sc + n + v * WIDTH, c[i][v]);
}

/* a block of rows over columns n to end, `vectors` at a time: few rows need many vectors, because
   an addition has to wait for the one before it */
#define SWEEP(block, rows, vectors, p, i, n, end)                         \
  for (long m = n; m < end;) {                                            \
    if (m % PANEL == 0 && m + vectors * WIDTH <= end) {                   \
      block(rows, vectors, p, i, m);                                      \
      m += vectors * WIDTH;                                               \
    } else if (m % PANEL == 0 && m + PANEL <= end) {                      \
      block(rows, 2, p, i, m);                                            \
      m += PANEL;                                                         \
    } else {                                                              \
      block(rows, 1, p, i, m);                                            \
      m += WIDTH;                                                         \
    }                                                                     \
  }

/* all rows over columns from to `to`; the next panel begins once all rows went through one */
#define SWEEP_ALL(block, p, rows, from, to)                               \
  for (long n = from, end; n < to; n = end) {                             \
    end = (n / CHUNK + 1) * CHUNK < to ? (n / CHUNK + 1) * CHUNK : to;    \
    const long whole = rows / ROWS * ROWS;                                \
    for (long m = n, next; m < end; m = next) {                           \
      next = (m / PANEL + 1) * PANEL < end ? (m / PANEL + 1) * PANEL : end; \
      if (next - m == PANEL)                                              \
        for (long i = 0; i < whole; i += ROWS) block(ROWS, 2, p, i, m);   \
      else                                                                \
        for (long i = 0; i < whole; i += ROWS) block(ROWS, 1, p, i, m);   \
    }                                                                     \
    long i = whole;                                                       \
    if (ROWS > 4 && rows - i >= 4) {                                      \
      SWEEP(block, 4, 4, p, i, n, end)                                    \
      i += 4;                                                             \
    }                                                                     \
    if (rows - i >= 2) {                                                  \
      SWEEP(block, 2, ROWS, p, i, n, end)                                 \
      i += 2;                                                             \
    }                                                                     \
    if (rows > i) SWEEP(block, 1, 8, p, i, n, end)                        \
  }

static void multiply(const struct product *given, long rows, long from, long to) {
  struct product p = *given; /* which no result can overwrite */
  p.rows = rows;
  SWEEP_ALL(multiply_block, &p, rows, from, to)
}

/* c (features, columns) += sum over steps and sequences of a[feature] * b[column] */
struct gathering {
  REAL *c;
  const REAL *a, *b;
  long sc, a_step, a_row, b_step, b_row, steps;
  const long *rows, *at; /* (steps) how many count, and which: those of a step after those before */
};

INLINE void gather_block(const int rows, const int vectors, const struct gathering *p, long i0,
                         long n) {
  V c[8][8];
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < vectors; v++) c[i][v] = LOAD(p->c + (i0 + i) * p->sc + n + v * WIDTH);
  UNROLL for (int i = 0; i < rows; i++) /* the next block's, a page of memory each */
    UNROLL for (int v = 0; v < vectors; v++)
      __builtin_prefetch(p->c + (i0 + rows + i) * p->sc + n + v * WIDTH);
  const long *at = p->at;
  for (long s = 0; s < p->steps; s++) {
    const REAL *of_a = p->a + s * p->a_step + i0, *of_b = p->b + s * p->b_step + n;
    for (const long *end = at + p->rows[s]; at < end; at++) {
      const REAL *a = of_a + *at * p->a_row, *b = of_b + *at * p->b_row;
      V vector[8];
      UNROLL for (int v = 0; v < vectors; v++) vector[v] = LOAD(b + v * WIDTH);
      UNROLL for (int i = 0; i < rows; i++) {
        const REAL factor = a[i];
        UNROLL for (int v = 0; v < vectors; v++) c[i][v] += factor * vector[v];
      }
    }
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < vectors; v++) STORE(p->c + (i0 + i) * p->sc + n + v * WIDTH, c[i][v]);
}

static void gather(const struct gathering *given, long features, long columns) {
  const struct gathering p = *given;
  SWEEP_ALL(gather_block, &p, features, 0, columns)
}

/* ---- what may be multiplied by 0 ---- */

/* whether none of them is larger than 2^30, infinite or not a number */
static int are_moderate(const REAL *a, long rows, long step, long n) {
  V parts[4] = {{0}};
  REAL sum = 0;
  for (long i = 0; i < rows; i++, a += step) {
    long j = 0;
    for (; j + 4 * WIDTH <= n; j += 4 * WIDTH)
      UNROLL for (long v = 0; v < 4; v++) {
        const V next = LOAD(a + j + v * WIDTH);
        parts[v] += next * next;
      }
    for (; j < n; j++) sum += a[j] * a[j];
  }
  const V whole = parts[0] + parts[1] + (parts[2] + parts[3]);
  for (long l = 0; l < WIDTH; l++) sum += whole[l];
  return sum < (REAL)(1ul << 60);
}
