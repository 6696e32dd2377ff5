/* A pointwise cell over a whole sequence, forward and backward, on one thread.

   Written by bptt: the first lines and the two steps come from the cell's own
   equations and their derivative. WIDTH numbers are computed at once; every row of states is
   padded to HP, a multiple of WIDTH. Padding never reaches a result.

   Axes: time T, batch B, input I, hidden H. Preactivations (lanes) are ordered: fed by the state
   alone, by both, by the input alone; so the state feeds the first NH of all NL, the input the
   last NX. Sequences are computed RT at a time from the first step to the last, so that what a
   step needs stays in the cache; no sequence's results depend on another's. */

#define RT 32 /* sequences computed together */
#define DEPTH 128 /* rows of derivatives gathered before they become gradients of weights */

/* ---- what Python hands over, eight bytes each; see layout.py ---- */

struct call {
  CALL_MEMBERS
};

int width(void) { return WIDTH; }
int saved(void) { return NK; }

INLINE REAL *take(REAL **from, long count) {
  REAL *taken = *from;
  *from += ROUND(count);
  return taken;
}
INLINE REAL *cleared(REAL **from, long count) {
  REAL *taken = take(from, count);
  for (long i = 0; i < count; i++) taken[i] = 0;
  return taken;
}

/* the vectors, then what depends on them alone, computed once for all steps: (NV + NF, HP) */
INLINE void fix(const struct call *c, REAL *vectors, long HP) {
  for (long v = 0; v < NV; v++)
    for (long j = 0; j < c->H; j++) vectors[v * HP + j] = c->vectors[v][j];
  for (long j = 0; NF && j < HP; j += WIDTH) {
    FIX
  }
}

/* columns of lane `l` in the user's weights, which are in the order of their declaration */
static const int IN_INPUT[] = {IN_INPUT_WEIGHT}, IN_RECURRENT[] = {IN_RECURRENT_WEIGHT};
static const int IN_RECURRENT_BIAS[3][NL] = {{IN_NO_BIAS}, {IN_ONE_BIAS}, {IN_TWO_BIASES}};

#define FIRST_OF_INPUT ((NL - NX) * HP) /* column of the first lane that the input feeds */

/* which of `rows` x `columns` weights gain from lying in panels */
INLINE struct matrix matrix_of(const struct call *c, long rows, long columns) {
  return c->H >= 256 || c->B < 8 ? in_panels(rows, columns) : in_rows(rows, columns);
}

/* copies the user's biases into one row, the weights into a matrix each, for the forward pass */
static void lay_out(const struct call *c, REAL *bias, const struct matrix *u, const struct matrix *w) {
  const long I = c->I, H = c->H, HP = ROUND(H);
  for (long l = 0; l < NL; l++) {
    const int in_bias = IN_RECURRENT_BIAS[c->biases][l], in_h = IN_RECURRENT[l], in_x = IN_INPUT[l];
    for (long j = 0; j < H; j++) {
      if (in_x >= 0 && c->biases) bias[l * HP + j] += c->input_bias[in_x * H + j];
      if (in_bias >= 0) bias[l * HP + j] += c->recurrent_bias[in_bias * H + j];
    }
    if (in_h >= 0) lay(u, l * HP, c->recurrent_weight + in_h * H, NH * H, H, H);
    if (in_x >= 0) lay(w, l * HP, c->input_weight + in_x * H, NX * H, I, H);
  }
}

int forward(const struct call *c) {
  const long T = c->T, B = c->B, I = c->I, H = c->H, HP = ROUND(H), sg = STRIDE(NL * HP);
  const long span = (T + 1) * B * HP, beside_w = FIRST_OF_INPUT % PANEL;
  struct matrix u = matrix_of(c, H, NH * HP), w = matrix_of(c, I, beside_w + NX * HP);
  const long total = ROUND(NL * HP) + ROUND(RT * sg) + u.numbers + w.numbers + (NV + NF) * HP;
  REAL *memory = room_for(total + WIDTH), *rest = memory;
  if (!memory) return 1;
  unsigned long mode = flush();
  REAL *bias = cleared(&rest, NL * HP), *g = take(&rest, RT * sg);
  u.at = cleared(&rest, u.numbers), w.at = cleared(&rest, w.numbers), w.first = FIRST_OF_INPUT - beside_w;
  REAL *vectors = cleared(&rest, (NV + NF) * HP);
  lay_out(c, bias, &u, &w);
  fix(c, vectors, HP);
  for (long s = 0; s < NS; s++)
    for (long b = 0; b < B; b++)
      for (long j = 0; j < HP; j++)
        c->states[s * span + b * HP + j] = j < H ? c->initial[s][b * H + j] : 0;
  for (long b = 0; b < B; b += RT) {
    const long rows = B - b < RT ? B - b : RT;
    REAL *q = c->saved ? c->saved + T * b * NK * HP : 0;
    for (long t = 0; t < T; t++) {
      const REAL *before = c->states + (t * B + b) * HP;
      REAL *after = c->states + ((t + 1) * B + b) * HP;
      const REAL *x = c->x + t * c->x_step + b * c->x_row;
      struct product both = {g, bias, before, x, u, w, sg, 0, HP, c->x_row, H, I};
      if (NX + NH > NL) multiply(&both, rows, FIRST_OF_INPUT, NH * HP);
      both.count2 = 0;
      if (NL > NX) multiply(&both, rows, 0, FIRST_OF_INPUT); /* fed by the state alone */
      both.count = 0, both.count2 = I;
      if (NL > NH) multiply(&both, rows, NH * HP, NL * HP); /* by the input alone */
      for (long j = 0; j < HP; j += WIDTH) {
        LOAD_VECTORS
        for (long i = 0; i < rows; i++) {
          const REAL *old = before + i * HP + j;
          REAL *new = after + i * HP + j;
          if (c->lengths && t >= c->lengths[b + i]) {
            for (long s = 0; s < NS; s++) STORE(new + s * span, LOAD(old + s * span));
          } else {
            const REAL *pre = g + i * sg + j;
            FORWARD_STEP
            if (q) {
              SAVE
            }
          }
          if (q) q += NK * WIDTH;
        }
      }
    }
  }
  restore(mode);
  free(memory);
  return 0;
}

/* ---- the 2-norm of the gradient with respect to each state: BEGIN, then ADD for each row and KEEP
   for each column of vectors, then `norm_of` state n */

#if DOUBLE /* a square may overflow, so they are scaled by the largest, once all are known */
#define BEGIN_NORM(n)
#define ADD_TO_NORM(n, v) STORE(whole + n * R * HP, v);
#define KEEP_NORM(n)

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

#define BEGIN_NORM(n) struct squares square##n = {{0}, {0}};
#define ADD_TO_NORM(n, v) add_squares(&square##n, (V)((M)(v) & mask));
#define KEEP_NORM(n) squares[n] += square##n.low + square##n.high;

static double norm_of(D squares) {
  double sum = 0;
  for (long l = 0; l < WIDTH / 2; l++) sum += squares[l];
  return __builtin_sqrt(sum);
}
#endif

/* the same transposed, for the backward pass */
static void lay_out_transposed(const struct call *c, const struct matrix *ut,
                               const struct matrix *wt) {
  const long I = c->I, H = c->H, HP = ROUND(H);
  for (long l = 0; l < NL; l++) {
    const int in_h = IN_RECURRENT[l], in_x = IN_INPUT[l];
    if (in_h >= 0) lay_transposed(ut, l * HP, c->recurrent_weight + in_h * H, NH * H, H, H);
    if (in_x >= 0 && c->d_x)
      lay_transposed(wt, l * HP - FIRST_OF_INPUT, c->input_weight + in_x * H, NX * H, I, H);
  }
}

/* which columns of the last vector are among the H, not padding */
INLINE M last_columns(long H) {
  M keep;
  for (long l = 0; l < WIDTH; l++) keep[l] = l < H - (ROUND(H) - WIDTH) ? -1 : 0;
  return keep;
}

/* d (NS, R, HP) = the gradient with respect to the last states of `rows` sequences from b on */
static void begin(const struct call *c, REAL *d, long R, long b, long rows) {
  const long H = c->H, HP = ROUND(H);
  for (long s = 0; s < NS; s++)
    for (long i = 0; i < rows; i++)
      for (long j = 0; j < HP; j++)
        d[(s * R + i) * HP + j] =
            c->d_final[s] && j < H ? c->d_final[s][(b + i) * c->d_final_row[s] + j] : 0;
}

/* d += the gradient with respect to the states of step t, as passed in */
static void add_given(const struct call *c, REAL *d, long R, long b, long t, long rows) {
  const long H = c->H, HP = ROUND(H);
  for (long s = 0; s < NS; s++) {
    if (c->d_states[s]) {
      const REAL *e = c->d_states[s] + t * c->d_states_step[s] + b * c->d_states_row[s];
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < H; j++) d[(s * R + i) * HP + j] += e[i * c->d_states_row[s] + j];
    }
  }
}

/* d = 0 for sequences in which a window begins at step t; windows are counted from the end */
static void cut(const struct call *c, REAL *d, long R, long b, long t, long rows) {
  const long HP = ROUND(c->H);
  for (long i = 0; i < rows; i++) {
    const long left = (c->lengths ? c->lengths[b + i] : c->T) - t;
    if (left <= 0 || left % c->truncation) continue;
    for (long s = 0; s < NS; s++)
      for (long j = 0; j < HP; j++) d[(s * R + i) * HP + j] = 0;
  }
}

/* gradient with respect to the input of step t, from its lanes' dl; overwrites dx (rows, IP) */
static void give_inputs(const struct call *c, const REAL *dl, const struct matrix *wt, REAL *dx,
                        const REAL *none, long b, long t, long rows) {
  const long B = c->B, I = c->I, HP = ROUND(c->H), IP = ROUND(I), sd = STRIDE(NL * HP);
  struct product p = {dx, none, dl + FIRST_OF_INPUT, 0, *wt, *wt, IP, 0, sd, 0, NX * HP, 0};
  multiply(&p, rows, 0, IP);
  for (long i = 0; i < rows; i++)
    for (long k = 0; k < I; k++) c->d_x[(t * B + b + i) * I + k] = dx[i * IP + k];
}

/* du and dw += the contributions of the `filled` steps up to `last` that are in the ring */
static void gather_weights(const struct call *c, const REAL *ring, REAL *du, REAL *dw, long b,
                           long rows, long last, long filled) {
  const long B = c->B, I = c->I, H = c->H, HP = ROUND(H), R = B < RT ? B : RT;
  const long sd = STRIDE(NL * HP), su = STRIDE(NH * HP), sx = STRIDE(NX * HP);
  const long in_x = (NL - NX) * HP;
  struct gathering p = {du, c->states + (last * B + b) * HP, ring, su, -B * HP, HP,
                        R * sd, sd, filled, rows};
  if (NH) gather(&p, H, NH * HP);
  struct gathering i = {dw, c->x + last * c->x_step + b * c->x_row, ring + in_x, sx,
                        -c->x_step, c->x_row, R * sd, sd, filled, rows};
  if (NX) gather(&i, I, NX * HP);
}

/* copies the gradients of the lanes to those of the user's parameters */
static void hand_over(const struct call *c, const REAL *db, const REAL *du, const REAL *dw,
                      const REAL *dv) {
  const long I = c->I, H = c->H, HP = ROUND(H), su = STRIDE(NH * HP), sx = STRIDE(NX * HP);
  for (long l = 0; l < NL; l++) {
    const int in_bias = IN_RECURRENT_BIAS[c->biases][l], of_h = IN_RECURRENT[l], of_x = IN_INPUT[l];
    for (long j = 0; j < H; j++) {
      if (of_x >= 0 && c->biases) c->d_input_bias[of_x * H + j] = db[l * HP + j];
      if (in_bias >= 0) c->d_recurrent_bias[in_bias * H + j] = db[l * HP + j];
    }
    if (of_h >= 0)
      for (long k = 0; k < H; k++)
        for (long j = 0; j < H; j++)
          c->d_recurrent_weight[(k * NH + of_h) * H + j] = du[k * su + l * HP + j];
    if (of_x >= 0)
      for (long k = 0; k < I; k++)
        for (long j = 0; j < H; j++)
          c->d_input_weight[(k * NX + of_x) * H + j] = dw[k * sx + (l - NL + NX) * HP + j];
  }
  for (long v = 0; v < NV; v++)
    for (long j = 0; j < H; j++) c->d_vectors[v][j] = dv[v * HP + j];
}

int backward(const struct call *c) {
  const long T = c->T, B = c->B, I = c->I, H = c->H, HP = ROUND(H), IP = ROUND(I);
  const long sd = STRIDE(NL * HP), su = STRIDE(NH * HP), sx = STRIDE(NX * HP);
  const long span = (T + 1) * B * HP, lanes_of_x = c->d_x ? NX * HP : 0;
  struct matrix ut = matrix_of(c, NH * HP, HP), wt = matrix_of(c, lanes_of_x, IP);
  const long R = B < RT ? B : RT, slots = DEPTH / R < T ? DEPTH / R : T;
  const long total = 2 * ROUND(NS * R * HP) + ROUND(slots * R * sd) + ut.numbers + wt.numbers +
                     ROUND(H * su) + ROUND(I * sx) + ROUND(NL * HP) +
                     (2 * NV + NF) * HP + ROUND(R * IP) + IP;
  REAL *memory = room_for(total + WIDTH), *rest = memory;
  if (!memory) return 1;
  unsigned long mode = flush();
#if DOUBLE
  REAL *all = take(&rest, NS * R * HP);
#endif
  REAL *d = take(&rest, NS * R * HP), *ring = take(&rest, slots * R * sd);
  ut.at = cleared(&rest, ut.numbers), wt.at = cleared(&rest, wt.numbers);
  REAL *du = cleared(&rest, H * su), *dw = cleared(&rest, I * sx);
  REAL *db = cleared(&rest, NL * HP), *vectors = cleared(&rest, (NV + NF) * HP);
  REAL *dv = cleared(&rest, NV * HP), *dx = take(&rest, R * IP), *none = cleared(&rest, IP);
  lay_out_transposed(c, &ut, &wt);
  fix(c, vectors, HP);
  const M keep = last_columns(H);
  for (long b = 0; b < B; b += RT) {
    const long rows = B - b < RT ? B - b : RT;
    const REAL *kept = c->saved + T * b * NK * HP;
    long filled = 0;
    begin(c, d, R, b, rows);
    for (long t = T - 1; t >= 0; t--) {
      add_given(c, d, R, b, t, rows);
      const REAL *before = c->states + (t * B + b) * HP, *after = before + B * HP;
      REAL *dl = ring + filled * R * sd;
#if !DOUBLE
      D squares[NS] = {{0}};
#endif
      for (long j = 0; j < HP; j += WIDTH) {
        const M mask = j + WIDTH > H ? keep : ~(M){0};
        const REAL *q = kept + (t * HP + j) * rows * NK;
        LOAD_VECTORS
        BEGIN_SUMS
        for (long i = 0; i < rows; i++, q += NK * WIDTH) {
          const REAL *old = before + i * HP + j, *new = after + i * HP + j;
          REAL *ds = d + i * HP + j, *to = dl + i * sd + j;
#if DOUBLE
          REAL *whole = all + i * HP + j;
#endif
          if (c->lengths && t >= c->lengths[b + i]) {
            for (long l = 0; l < NL; l++) STORE(to + l * HP, (V){0});
            HELD_STEP
          } else {
            BACKWARD_STEP
          }
        }
        END_SUMS
      }
      for (long s = 0; c->norms && s < NS; s++)
#if DOUBLE
        c->norms[(b / RT * NS + s) * T + t] = norm_of(all + s * R * HP, rows, H, HP);
#else
        c->norms[(b / RT * NS + s) * T + t] = norm_of(squares[s]);
#endif
      struct product p = {d, d, dl, 0, ut, ut, HP, HP, sd, 0, NH * HP, 0};
      if (NH) multiply(&p, rows, 0, HP);
      if (c->d_x) give_inputs(c, dl, &wt, dx, none, b, t, rows);
      if (c->truncation && t > 0) cut(c, d, R, b, t, rows);
      if (++filled == slots || t == 0) { /* slot k holds step t + filled - 1 - k */
        gather_weights(c, ring, du, dw, b, rows, t + filled - 1, filled);
        filled = 0;
      }
    }
    for (long s = 0; s < NS; s++)
      for (long i = 0; i < rows; i++)
        for (long j = 0; j < H; j++) c->d_initial[s][(b + i) * H + j] = d[(s * R + i) * HP + j];
  }
  hand_over(c, db, du, dw, dv);
  restore(mode);
  free(memory);
  return 0;
}
