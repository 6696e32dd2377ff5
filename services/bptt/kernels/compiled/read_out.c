/* Read-out after every step with the mean of its losses, forward and backward, a few rows at a time:
   while they are in the cache, logits become losses, losses gradients, and these go back.

   Written after update.c, whose `struct read_out` it takes; rows of `found` are a multiple of BLOCK
   long here, and so are those of `d_read`. */

#define TOGETHER 64 /* rows */
#define WHOLE(n) (((n) + BLOCK - 1) / BLOCK * BLOCK)

/* weights, their gradient, and what is between them, for O outputs of H units */
struct between {
  struct matrix forward, back; /* (H, OP), (O, HP) */
  long all[TOGETHER];          /* numbers of a few rows */
  REAL *d_weight, *d_bias, *bias, *none, *g; /* (H, OP), (OP), (OP), (HP), (TOGETHER, OP) */
};

/* of a few rows of logits or of exponentials: BLOCK parts each, so that their order is the same on
   every processor, and what these come to */
struct rows {
  REAL part[TOGETHER * BLOCK] __attribute__((aligned(VECTOR_BYTES)));
  REAL all[TOGETHER] __attribute__((aligned(VECTOR_BYTES)));
};

INLINE int counts(const struct losses *c, long r) { return !c->counts || c->counts[r]; }

/* the largest logit of each row that counts; what is beside the logits becomes -inf */
static void find_largest(struct read_out *c, struct rows *top, long r, long rows) {
  const long O = c->losses.outputs, OP = WHOLE(O);
  for (long i = 0; i < rows; i++) {
    REAL *found = c->found + (r + i) * OP, *part = top->part + i * BLOCK;
    if (!counts(&c->losses, r + i)) continue;
    for (long k = O; k < OP; k++) found[k] = (REAL)-__builtin_inf();
    for (long v = 0; v < BLOCK; v += WIDTH) {
      V most = LOAD(found + v);
      for (long k = BLOCK + v; k < OP; k += BLOCK) {
        const V next = LOAD(found + k);
        most = choose((M)(next > most), next, most);
      }
      STORE(part + v, most);
    }
  }
  for (long i = 0; i < rows; i++) top->all[i] = top->part[i * BLOCK];
  for (long l = 1; l < BLOCK; l++)
    for (long i = 0; i < rows; i++) {
      const REAL next = top->part[i * BLOCK + l];
      top->all[i] = next > top->all[i] ? next : top->all[i];
    }
}

/* g = exp(logit - largest), and its sum over each row that counts */
static void exponentiate(const struct read_out *c, const struct rows *top, struct rows *sum, REAL *g,
                         long r, long rows) {
  const long OP = WHOLE(c->losses.outputs);
  for (long i = 0; i < rows; i++, g += OP) {
    const REAL *found = c->found + (r + i) * OP;
    if (!counts(&c->losses, r + i)) continue;
    for (long v = 0; v < BLOCK; v += WIDTH) {
      V of_row = {0};
      for (long k = v; k < OP; k += BLOCK) {
        const V power = v_exp(LOAD(found + k) - top->all[i]);
        STORE(g + k, power);
        of_row += power;
      }
      STORE(sum->part + i * BLOCK + v, of_row);
    }
  }
  for (long i = 0; i < TOGETHER; i++) sum->all[i] = 0;
  for (long l = 0; l < BLOCK; l++)
    for (long i = 0; i < rows; i++) sum->all[i] += sum->part[i * BLOCK + l];
}

/* g = (softmax - one-hot) * weight * share; returns the losses of rows r and on times their weights */
static double cross_entropies(struct read_out *c, REAL *g, long r, long rows, double share) {
  const long OP = WHOLE(c->losses.outputs), *classes = c->losses.targets;
  struct rows top, sum, logarithm;
  find_largest(c, &top, r, rows);
  exponentiate(c, &top, &sum, g, r, rows);
  for (long i = 0; i < TOGETHER; i += WIDTH) STORE(logarithm.all + i, v_log(LOAD(sum.all + i)));
  double total = 0;
  for (long i = 0; i < rows; i++, g += OP) {
    const long right = counts(&c->losses, r + i) ? classes[r + i] : 0;
    const double weight = c->losses.weights ? c->losses.weights[right] : 1;
    const REAL factor = (REAL)(weight * share / sum.all[i]);
    if (!counts(&c->losses, r + i)) {
      for (long k = 0; k < OP; k++) g[k] = 0;
      continue;
    }
    for (long k = 0; k < OP; k += WIDTH) STORE(g + k, LOAD(g + k) * factor);
    g[right] -= (REAL)(weight * share);
    total += weight * ((double)logarithm.all[i] - (double)(c->found[(r + i) * OP + right] - top.all[i]));
  }
  return total;
}

static double squares(const struct read_out *c, REAL *g, long r, long rows, double share) {
  const long OP = WHOLE(c->losses.outputs);
  const REAL *targets = c->losses.targets;
  double total = 0;
  for (long i = 0; i < rows; i++) {
    const REAL error = c->found[(r + i) * OP] - targets[r + i];
    const int out = !counts(&c->losses, r + i);
    total += out ? 0 : (double)(error * error);
    g[i * OP] = out ? 0 : (REAL)(share * 2 * error);
  }
  return total;
}

/* at = those of `rows` rows from r on that count; returns how many */
static long find_counted(const struct losses *c, long r, long rows, long *at) {
  long counted = 0;
  for (long i = 0; i < rows; i++) {
    at[counted] = i;
    counted += counts(c, r + i);
  }
  return counted;
}

static void read_rows(struct read_out *c, const struct between *of, double share, double *total) {
  const long H = c->hidden, O = c->losses.outputs, OP = WHOLE(O), HP = WHOLE(H);
  const int moderate = c->losses.counts && are_moderate(c->weight, O, H, H);
  for (long r = 0; r < c->losses.rows; r += TOGETHER) {
    const long left = c->losses.rows - r, rows = left < TOGETHER ? left : TOGETHER;
    const REAL *read = c->read + r * c->step;
    struct product p = {c->found + r * OP, of->bias, read, 0, of->forward, of->forward,
                        OP, 0, c->step, 0, H, 0, of->all, 0};
    multiply(&p, rows, 0, OP);
    *total += c->losses.squared ? squares(c, of->g, r, rows, share)
                                : cross_entropies(c, of->g, r, rows, share);
    long at[TOGETHER], live = find_counted(&c->losses, r, rows, at);
    const long *back_from = at;
    if (live < rows && moderate && are_moderate(read, rows, c->step, H)) {
      for (long k = 0; k < rows * HP; k++) c->d_read[r * HP + k] = 0;
    } else { /* 0 times a number need not be 0 */
      live = rows, back_from = of->all;
    }
    struct product back = {c->d_read + r * HP, of->none, of->g, 0, of->back, of->back,
                           HP, 0, OP, 0, O, 0, back_from, 0};
    multiply(&back, live, 0, HP);
    struct gathering weight = {of->d_weight, read, of->g, OP, 0, c->step, 0, OP, 1, &live, back_from};
    gather(&weight, H, OP);
    for (long n = 0; n < live; n++)
      for (long k = 0; k < OP; k += WIDTH)
        STORE(of->d_bias + k, LOAD(of->d_bias + k) + LOAD(of->g + back_from[n] * OP + k));
  }
}

/* returns 1 if a target that counts is not a class, 2 if there is no room */
long read_out_of_steps(struct read_out *c) {
  const long H = c->hidden, O = c->losses.outputs, OP = WHOLE(O), HP = WHOLE(H);
  const long counted = counted_targets(&c->losses);
  if (counted < 0) return 1;
  const int large = O >= 256 || H >= 256;
  struct between of = {.forward = large ? in_panels(H, OP) : in_rows(H, OP),
                       .back = large ? in_panels(O, HP) : in_rows(O, HP)};
  for (long i = 0; i < TOGETHER; i++) of.all[i] = i;
  const long total = of.forward.numbers + of.back.numbers + (H + 2 + TOGETHER) * OP + HP;
  REAL *memory = room_for(total), *rest = memory;
  if (!memory) return 2;
  const unsigned long mode = flush();
  for (long k = 0; k < total; k++) memory[k] = 0;
  of.forward.at = rest, rest += of.forward.numbers;
  of.back.at = rest, rest += of.back.numbers;
  of.d_weight = rest, of.d_bias = rest += H * OP, of.bias = rest += OP;
  of.g = rest += OP, of.none = rest += TOGETHER * OP;
  lay(&of.back, 0, c->weight, H, O, H);
  lay_transposed(&of.forward, 0, c->weight, H, O, H);
  for (long o = 0; o < O; o++) of.bias[o] = c->bias[o];
  const double share = 1.0 / counted;
  double sum = 0;
  read_rows(c, &of, share, &sum);
  c->losses.mean = share * sum;
  for (long o = 0; o < O; o++) c->d_bias[o] = of.d_bias[o];
  for (long o = 0; o < O; o++)
    for (long h = 0; h < H; h++) c->d_weight[o * H + h] = of.d_weight[h * OP + o];
  restore(mode);
  free(memory);
  return 0;
}
