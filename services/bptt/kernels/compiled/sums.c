/* Sums over the units of each sequence, by what is one number a sequence afterwards.

   A unit is added to part `unit mod PARTS`, and parts are added in pairs: the same order, and the
   same bits, whatever a vector holds. */

#define PARTS 16

typedef REAL Eight __attribute__((vector_size(8 * sizeof(REAL))));
typedef REAL Four __attribute__((vector_size(4 * sizeof(REAL))));
typedef REAL Two __attribute__((vector_size(2 * sizeof(REAL))));
typedef REAL Apart __attribute__((vector_size(8 * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));

/* (count, RT, PARTS) zeros */
INLINE void clear_sums(REAL *sums, long count) {
  for (long k = 0; k < count * RT * PARTS; k += WIDTH) STORE(sums + k, (V){0});
}

/* parts of one sequence += the units from j on, those that are none masked */
INLINE void add_up(REAL *parts, long j, V units) {
  REAL *at = parts + j % PARTS;
  STORE(at, LOAD(at) + units);
}

/* to (rows) = the sum of the parts of each over `count` */
INLINE void finish_sums(const REAL *parts, REAL *to, long rows, long count) {
  for (long i = 0; i < rows; i++, parts += PARTS) {
    union { Eight whole; Four half[2]; } eight = {*(const Apart *)parts + *(const Apart *)(parts + 8)};
    union { Four whole; Two half[2]; } four = {eight.half[0] + eight.half[1]};
    const Two two = four.half[0] + four.half[1];
    to[i] = two[0] + two[1];
  }
  for (long i = 0; count != 1 && i < rows; i += WIDTH) STORE(to + i, LOAD(to + i) / (REAL)count);
}

INLINE void copy(REAL *to, const REAL *from, long count) {
  __builtin_memcpy(to, from, count * sizeof(REAL));
}
