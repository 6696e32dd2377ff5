/* A cell over a whole sequence, forward and backward, on one thread.

   Written by bptt: the first lines and the functions of a step come from the cell's own
   equations and their derivative. WIDTH numbers are computed at once. Sequences are computed RT at
   a time from the first step to the last, so that what a step needs stays in the cache; no
   sequence's results depend on another's.

   A step is cut into stages at its products, means and sums, because they need all units. */

#define STAGED (NA > 0 || NW > 0)
#define DEPTH 128 /* rows of derivatives gathered before they become gradients of weights */

/* what the stages of one step of up to RT sequences read and write; s...: from row to row */
struct step {
  long rows, t, H, HP, span, R;
  const long *lengths; /* of these sequences; null: all are T steps long */
  long live; /* sequences that are not over at t, and which: only those are multiplied */
  long *at;
  struct drawing drawing; /* of random numbers */
  const REAL *vectors; /* (NV + NF, HP), see `fix` */
  const REAL *old; /* (NS, `span` apart) states before the step */
  REAL *new; /* and after it */
  REAL *kept; /* (HP / WIDTH, rows, NK, WIDTH) for the way back; null: nothing is kept */
  REAL *kept_rows; /* (NR, rows) for the way back; null: nothing is kept */
  REAL *crossing; /* from one stage to a later one, laid out like `kept` */
  REAL *sums; /* (NM, RT, PARTS) over units, of one stage */
  REAL *row; /* (NW, RT) what is one number a sequence */
  struct matrix weight; /* of products: (H, NA lanes), or transposed */
  REAL *made; /* (rows, lanes of HP) results of products */
  long s_made;
  const REAL *none; /* zeros, as many as a row of them has */
  /* forward */
  const REAL *pre; /* (rows, NL lanes) preactivations */
  REAL *operands; /* (rows, NO lanes) of products, but for those that are states */
  long s_pre, s_operands;
  /* backward */
  REAL *d; /* (NS, R, HP) gradient with respect to the states after the step, then before it */
  REAL *lanes; /* (rows, NL + NA + NO lanes) the same of preactivations, of products; operands */
  long s_lanes, norms;
  REAL *db, *dv;
  M last; /* which columns of the last vector are among the H */
#if DOUBLE
  REAL *whole; /* (NS, R, HP) gradients whose norms are wanted */
#else
  D *squares; /* (NS) */
#endif
};

/* results of `count` products of one operand, beginning with `first` */
INLINE void apply(const struct step *s, const REAL *operand, long stride, long first, long count) {
  struct product p = {s->made, s->none, operand, 0, s->weight, s->weight, s->s_made, 0, stride, 0,
                      s->H, 0, s->at, 0};
  multiply(&p, s->live, first * s->HP, (first + count) * s->HP);
}

/* the gradient with respect to that operand, to lane `to` */
INLINE void apply_back(const struct step *s, long to, long first, long count) {
  const long HP = s->HP;
  struct matrix weight = s->weight;
  weight.at += first * HP * weight.row;
  struct product p = {s->made + to * HP, s->none, s->lanes + (NL + first) * HP, 0, weight, weight,
                      s->s_made, 0, s->s_lanes, 0, count * HP, 0,
                      s->at, 0};
  multiply(&p, s->live, 0, HP);
}

STAGES

/* `at` = those of the sequences that are not over at step t, in their order; returns how many */
static long find_live(const struct step *s) {
  if (!s->lengths) return s->rows; /* as they are in order from the beginning */
  long live = 0;
  for (long i = 0; i < s->rows; i++) {
    s->at[live] = i;
    live += s->t < s->lengths[i];
  }
  return live;
}

/* which columns of the last vector are among the H, not padding */
INLINE M last_columns(long H) {
  M keep;
  for (long l = 0; l < WIDTH; l++) keep[l] = l < H - (ROUND(H) - WIDTH) ? -1 : 0;
  return keep;
}

/* what is kept of step t that is one number a sequence, behind what is kept of units */
INLINE REAL *rows_kept(const struct call *c, long b, long t, long rows) {
  return c->saved ? c->saved + c->T * c->B * NK * ROUND(c->H) + (c->T * b + t * rows) * NR : 0;
}

/* where the sequences from b on draw */
INLINE struct drawing drawing_of(const struct call *c, long b) {
  return (struct drawing){(unsigned long)c->key, c->draw_sequences ? c->draw_sequences + b : 0,
                          c->draw_begins ? c->draw_begins + b : 0, b};
}

int forward(const struct call *c) {
  const long T = c->T, B = c->B, I = c->I, H = c->H, HP = ROUND(H), sg = STRIDE(NL * HP);
  const long span = (T + 1) * B * HP, beside_w = FIRST_OF_INPUT % PANEL;
  const long sp = STRIDE(NA * HP), so = STRIDE(NO * HP), tile = STAGED * RT * HP;
  struct matrix u = matrix_of(c, H, NH * HP), w = matrix_of(c, I, beside_w + NX * HP);
  struct matrix p = matrix_of(c, (NA > 0) * H, NA * HP);
  const long total = ROUND(NL * HP) + ROUND(RT * sg) + u.numbers + w.numbers + (NV + NF) * HP +
                     p.numbers + tile * (NK + NC) + (NA > 0) * ROUND(RT * (sp + so)) + NA * HP +
                     RT * (NM * PARTS + NW);
  REAL *memory = room_for(total + WIDTH), *rest = memory;
  if (!memory) return 1;
  unsigned long mode = flush();
  REAL *bias = cleared(&rest, NL * HP), *g = take(&rest, RT * sg);
  u.at = cleared(&rest, u.numbers), w.at = cleared(&rest, w.numbers), w.first = FIRST_OF_INPUT - beside_w;
  p.at = cleared(&rest, p.numbers);
  REAL *vectors = cleared(&rest, (NV + NF) * HP);
  /* what is kept for the way back is also what later stages read */
  REAL *kept = take(&rest, tile * NK);
  struct step s = {.H = H, .HP = HP, .span = span, .vectors = vectors, .pre = g, .s_pre = sg,
                   .weight = p, .s_made = sp, .s_operands = so, .last = last_columns(H)};
  s.crossing = take(&rest, tile * NC);
  s.made = take(&rest, (NA > 0) * RT * sp);
  s.operands = take(&rest, (NA > 0) * RT * so);
  s.none = cleared(&rest, NA * HP);
  long at[RT];
  s.at = at;
  for (long i = 0; i < RT; i++) at[i] = i;
  s.sums = take(&rest, RT * NM * PARTS), s.row = cleared(&rest, RT * NW);
  lay_out(c, bias, &u, &w, &p);
  fix(c, vectors, HP);
  for (long n = 0; n < NS; n++)
    for (long b = 0; b < B; b++)
      for (long j = 0; j < HP; j++)
        c->states[n * span + b * HP + j] = j < H ? c->initial[n][b * H + j] : 0;
  for (long b = 0; b < B; b += RT) {
    s.rows = B - b < RT ? B - b : RT;
    s.lengths = c->lengths ? c->lengths + b : 0;
    s.drawing = drawing_of(c, b);
    for (s.t = 0; s.t < T; s.t++) {
      s.old = c->states + (s.t * B + b) * HP;
      s.new = c->states + ((s.t + 1) * B + b) * HP;
      s.kept = c->saved ? c->saved + (T * b + s.t * s.rows) * NK * HP : STAGED ? kept : 0;
      s.kept_rows = rows_kept(c, b, s.t, s.rows);
      const REAL *x = c->x + s.t * c->x_step + b * c->x_row;
      s.live = find_live(&s);
      struct product both = {g, bias, s.old, x, u, w, sg, 0, HP, c->x_row, H, I, at, 0};
      if (NX + NH > NL) multiply(&both, s.live, FIRST_OF_INPUT, NH * HP);
      both.count2 = 0;
      if (NL > NX) multiply(&both, s.live, 0, FIRST_OF_INPUT); /* fed by the state alone */
      both.count = 0, both.count2 = I;
      if (NL > NH) multiply(&both, s.live, NH * HP, NL * HP); /* by the input alone */
      step_forward(&s);
    }
  }
  restore(mode);
  free(memory);
  return 0;
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

/* gradient with respect to the input of a step, from its lanes; overwrites dx (rows, IP) */
static void give_inputs(const struct call *c, const struct step *s, const struct matrix *wt,
                        REAL *dx, const REAL *none, long b) {
  const long B = c->B, I = c->I, HP = s->HP, IP = ROUND(I);
  struct product p = {dx, none, s->lanes + FIRST_OF_INPUT, 0, *wt, *wt, IP, 0, s->s_lanes, 0,
                      NX * HP, 0, s->at, 0};
  multiply(&p, s->live, 0, IP);
  if (s->live < s->rows)
    for (long k = 0; k < s->rows * I; k++) c->d_x[(s->t * B + b) * I + k] = 0;
  for (long n = 0; n < s->live; n++)
    for (long i = s->at[n], k = 0; k < I; k++)
      c->d_x[(s->t * B + b + i) * I + k] = dx[i * IP + k];
}

/* the gradient with respect to the states before the first step, which d is now */
static void give_initial(const struct call *c, const REAL *d, long R, long b, long rows) {
  const long H = c->H, HP = ROUND(H);
  for (long n = 0; n < NS; n++)
    for (long i = 0; i < rows; i++)
      for (long j = 0; j < H; j++) c->d_initial[n][(b + i) * H + j] = d[(n * R + i) * HP + j];
}

/* steps whose lanes wait in a ring to become gradients of weights: slot k holds step `last` - k */
struct gathered {
  const struct call *c;
  const REAL *ring;
  REAL *du, *dw, *dp;
  long b, last, filled, sd;
  long live[DEPTH], at[DEPTH], listed; /* of each slot, as in `struct step`, one after the other */
};

/* dp of `count` products from `first` on += operand times gradient; `step`: of the operand */
INLINE void gather_products(const struct gathered *g, const REAL *operand, long step, long row,
                            long first, long count) {
  const long H = g->c->H, HP = ROUND(H), R = g->c->B < RT ? g->c->B : RT, sd = g->sd;
  struct gathering p = {g->dp + first * HP, operand, g->ring + (NL + first) * HP, STRIDE(NA * HP),
                        step, row, R * sd, sd, g->filled, g->live, g->at};
  gather(&p, H, count * HP);
}

static void gather_weights(const struct gathered *g) {
  const struct call *c = g->c;
  const long B = c->B, I = c->I, H = c->H, HP = ROUND(H), R = B < RT ? B : RT, sd = g->sd;
  const long su = STRIDE(NH * HP), sx = STRIDE(NX * HP), in_x = (NL - NX) * HP;
  const long span = (c->T + 1) * B * HP;
  const REAL *old = c->states + (g->last * B + g->b) * HP, *new = old + B * HP;
  const REAL *operands = g->ring + (NL + NA) * HP;
  struct gathering p = {g->du, old, g->ring, su, -B * HP, HP, R * sd, sd, g->filled, g->live, g->at};
  if (NH) gather(&p, H, NH * HP);
  struct gathering i = {g->dw, c->x + g->last * c->x_step + g->b * c->x_row, g->ring + in_x, sx,
                        -c->x_step, c->x_row, R * sd, sd, g->filled, g->live, g->at};
  if (NX) gather(&i, I, NX * HP);
  GATHER
}

int backward(const struct call *c) {
  const long T = c->T, B = c->B, I = c->I, H = c->H, HP = ROUND(H), IP = ROUND(I);
  const long sd = STRIDE((NL + NA + NO) * HP), su = STRIDE(NH * HP), sx = STRIDE(NX * HP);
  const long span = (T + 1) * B * HP, lanes_of_x = c->d_x ? NX * HP : 0;
  const long sp = STRIDE(NA * HP), sb = STRIDE(NB * HP);
  struct matrix ut = matrix_of(c, NH * HP, HP), wt = matrix_of(c, lanes_of_x, IP);
  struct matrix pt = matrix_of(c, NA * HP, HP);
  const long R = B < RT ? B : RT, slots = DEPTH / R < T ? DEPTH / R : T;
  const long total = 2 * ROUND(NS * R * HP) + ROUND(slots * R * sd) + ut.numbers + wt.numbers +
                     pt.numbers + ROUND(H * su) + ROUND(I * sx) + ROUND(NL * HP) +
                     (2 * NV + NF) * HP + ROUND(R * IP) + IP + (NA > 0) * ROUND(H * sp) +
                     (NB > 0) * ROUND(R * sb) + R * HP * NC + HP + RT * (NM * PARTS + NW) +
                     2 * WIDTH;
  REAL *memory = room_for(total + WIDTH), *rest = memory;
  if (!memory) return 1;
  unsigned long mode = flush();
  struct step s = {.H = H, .HP = HP, .span = span, .R = R, .s_made = sb,
                   .s_lanes = sd, .norms = c->norms != 0, .last = last_columns(H)};
#if DOUBLE
  s.whole = take(&rest, NS * R * HP);
#endif
  REAL *d = s.d = take(&rest, NS * R * HP), *ring = take(&rest, slots * R * sd);
  ut.at = cleared(&rest, ut.numbers), wt.at = cleared(&rest, wt.numbers);
  REAL *du = cleared(&rest, H * su), *dw = cleared(&rest, I * sx);
  REAL *db = s.db = cleared(&rest, NL * HP), *vectors = cleared(&rest, (NV + NF) * HP);
  REAL *dv = s.dv = cleared(&rest, NV * HP), *dx = take(&rest, R * IP), *none = cleared(&rest, IP);
  pt.at = cleared(&rest, pt.numbers);
  REAL *dp = cleared(&rest, (NA > 0) * H * sp);
  s.vectors = vectors, s.weight = pt, s.made = take(&rest, (NB > 0) * R * sb);
  s.crossing = take(&rest, R * HP * NC), s.none = cleared(&rest, HP);
  s.sums = take(&rest, RT * NM * PARTS), s.row = cleared(&rest, RT * NW);
  lay_out_transposed(c, &ut, &wt, &pt);
  fix(c, vectors, HP);
  for (long b = 0; b < B; b += RT) {
    const long rows = s.rows = B - b < RT ? B - b : RT;
    struct gathered g = {.c = c, .ring = ring, .du = du, .dw = dw, .dp = dp, .b = b, .sd = sd};
    for (long k = 0; k < DEPTH; k++) g.at[k] = k % rows;
    s.lengths = c->lengths ? c->lengths + b : 0;
    begin(c, d, R, b, rows);
    long from = -1;
    for (long t = s.t = T - 1; t >= 0; t = --s.t) {
      add_given(c, d, R, b, t, rows);
      if (KEEPS_ZERO && is_over(c, d, vectors, R, b, t, rows, &from)) {
        g.last = t + g.filled;
        if (g.filled) gather_weights(&g);
        leave_zeros(c, d, R, b, t, rows);
        break;
      }
      s.old = c->states + (t * B + b) * HP, s.new = c->states + ((t + 1) * B + b) * HP;
      s.kept = c->saved + (T * b + t * rows) * NK * HP, s.kept_rows = rows_kept(c, b, t, rows);
      REAL *dl = s.lanes = ring + g.filled * R * sd;
      s.at = g.at + g.listed, g.listed += g.live[g.filled] = s.live = find_live(&s);
#if !DOUBLE
      D squares[NS] = {{0}};
      s.squares = squares;
#endif
      step_backward(&s);
      for (long n = 0; c->norms && n < NS; n++)
#if DOUBLE
        c->norms[(b / RT * NS + n) * T + t] = norm_of(s.whole + n * R * HP, rows, H, HP);
#else
        c->norms[(b / RT * NS + n) * T + t] = norm_of(squares[n]);
#endif
      struct product p = {d, d, dl, 0, ut, ut, HP, HP, sd, 0, NH * HP, 0, s.at, 0};
      if (NH) multiply(&p, s.live, 0, HP);
      if (c->d_x) give_inputs(c, &s, &wt, dx, none, b);
      if (c->truncation && t > 0) cut(c, d, R, b, t, rows);
      if (++g.filled == slots || t == 0) {
        g.last = t + g.filled - 1;
        gather_weights(&g);
        g.filled = g.listed = 0;
      }
    }
    give_initial(c, d, R, b, rows);
  }
  hand_over(c, db, du, dw, dp, dv);
  restore(mode);
  free(memory);
  return 0;
}
