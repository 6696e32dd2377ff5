/* Random numbers that are a function of where they are used; see contracts/draws.py, which is the
   same on tensors. A word is 32 bits, however wide a number is. */

typedef unsigned Words __attribute__((vector_size(4 * VECTOR_BYTES / sizeof(REAL))));
typedef int Ints __attribute__((vector_size(4 * VECTOR_BYTES / sizeof(REAL))));

/* where a step draws: the key, and sequence and first step of each row; null: `first` + row, 0 */
struct drawing {
  unsigned long key;
  const long *sequences, *begins;
  long first;
};

static const unsigned NUMBERS[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

#define ROTATED(x, n) ((x) << (n) | (x) >> (32 - (n)))
#define MIXED(n) x += y, y = ROTATED(y, n) ^ x;
#define INJECTED(a, b, group) x += (a), y += (b) + (group);

/* Threefry-2x32 with 20 rounds */
INLINE void threefry(unsigned long key, unsigned high, Words low, Words *first, Words *second) {
  const unsigned a = (unsigned)key, b = (unsigned)(key >> 32), c = a ^ b ^ 0x1BD11BDAu;
  Words x = high + a - (Words){0}, y = low + b;
  MIXED(13) MIXED(15) MIXED(26) MIXED(6) INJECTED(b, c, 1)
  MIXED(17) MIXED(29) MIXED(16) MIXED(24) INJECTED(c, a, 2)
  MIXED(13) MIXED(15) MIXED(26) MIXED(6) INJECTED(a, b, 3)
  MIXED(17) MIXED(29) MIXED(16) MIXED(24) INJECTED(b, c, 4)
  MIXED(13) MIXED(15) MIXED(26) MIXED(6) INJECTED(c, a, 5)
  *first = x, *second = y;
}

/* two numbers in [0, 1) for the units from j on, multiples of 2^-24 */
INLINE void draw(const struct drawing *d, long t, long i, long j, long H, unsigned stream,
                 const int once, V *first, V *second) {
  const long sequence = d->sequences ? d->sequences[i] : d->first + i;
  const unsigned step = once ? ~0u : (unsigned)(d->begins ? t + d->begins[i] : t);
  Words unit;
  __builtin_memcpy(&unit, NUMBERS, sizeof unit);
  unit += (unsigned)(sequence * H + j);
  Words x, y;
  threefry(d->key ^ stream, step, unit, &x, &y);
  *first = __builtin_convertvector((Ints)(x >> 8), V) * (REAL)0x1p-24;
  *second = __builtin_convertvector((Ints)(y >> 8), V) * (REAL)0x1p-24;
}

INLINE V uniform(const struct drawing *d, long t, long i, long j, long H, unsigned stream,
                 const int once) {
  V first, second;
  draw(d, t, i, j, H, stream, once, &first, &second);
  return first;
}

/* cos(2 pi a) of a multiple a of 2^-24 in [0, 1): by quarters, so that what is left is exact */
INLINE V cosine_of_turns(V a) {
  const V quarters = a * (REAL)4, near = quarters + (REAL)MAGIC;
  const M n = (M)near - (M)K(MAGIC);
  const V r = (quarters - (near - (REAL)MAGIC)) * (REAL)1.57079632679489661923, z = r * r;
#if DOUBLE
  V c = z * 4.7794773323873852974e-14 - 1.1470745597729724714e-11;
  c = c * z + 2.0876756987868098979e-9;
  c = c * z - 2.7557319223985890653e-7;
  V s = z * 2.8114572543455207632e-15 - 7.6471637318198164759e-13;
  s = s * z + 1.6059043836821614599e-10;
  s = s * z - 2.5052108385441718775e-8;
  s = s * z + 2.7557319223985890653e-6;
  c = c * z + 2.4801587301587301587e-5;
  s = s * z - 1.9841269841269841270e-4;
#else
  V c = K(2.4801587301587301587e-5f);
  V s = z * 2.7557319223985890653e-6f - 1.9841269841269841270e-4f;
#endif
  c = c * z - (REAL)1.3888888888888888889e-3;
  c = c * z + (REAL)4.1666666666666666667e-2;
  c = c * z - (REAL)0.5;
  s = s * z + (REAL)8.3333333333333333333e-3;
  s = s * z - (REAL)1.6666666666666666667e-1;
  const V cosine = c * z + (REAL)1, sine = s * z * r + r;
  const V found = choose((M)((n & 1) != 0), sine, cosine);
  return choose((M)(((n + 1) & 2) != 0), -found, found);
}

/* of N(0, 1), by the method of Box and Muller */
INLINE V normal(const struct drawing *d, long t, long i, long j, long H, unsigned stream,
                const int once) {
  V first, second;
  draw(d, t, i, j, H, stream, once, &first, &second);
  return v_sqrt((REAL)-2 * v_log((REAL)1 - first)) * cosine_of_turns(second);
}
