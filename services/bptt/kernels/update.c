/* What an update does besides the cells: read-out and loss, norm of the gradients, Adam.

   Written for networks so small that an operation of torch takes longer to begin than to do. The
   line before this comment says what REAL is. Sums are made of LANES parts, which the compiler
   keeps in vectors, so their order is the same whatever the processor. */

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

double exp(double);
double log(double);
double sqrt(double);
REAL LIBM(sqrt)(REAL);

INLINE REAL dot(const REAL *a, const REAL *b, long n) {
  REAL part[LANES] = {0};
  long i = 0;
  for (; i + LANES <= n; i += LANES)
    for (long l = 0; l < LANES; l++) part[l] += a[i + l] * b[i + l];
  for (long l = 0; i + l < n; l++) part[l] += a[i + l] * b[i + l];
  for (long half = LANES / 2; half; half /= 2)
    for (long l = 0; l < half; l++) part[l] += part[l + half];
  return part[0];
}

INLINE void add_to(REAL *to, REAL factor, const REAL *a, long n) {
  long i = 0;
  for (; i + LANES <= n; i += LANES)
    for (long l = 0; l < LANES; l++) to[i + l] += factor * a[i + l];
  for (; i < n; i++) to[i] += factor * a[i];
}

/* ---- read-out after the last step, and the mean of its losses ---- */

struct read_out {
  long batch, hidden, outputs, squared, read_step;
  const REAL *read, *weight, *bias; /* (batch, hidden), (outputs, hidden), (outputs) */
  const void *targets; /* (batch) REAL if squared, else classes */
  REAL *found, *d_read, *d_weight, *d_bias; /* (batch, outputs), and shaped as what they are of */
  double loss;
};

/* softmax - one-hot in place of the logits; returns the cross-entropy */
static double cross_entropy(REAL *logits, long classes, long right) {
  double largest = logits[0], sum = 0;
  for (long k = 1; k < classes; k++)
    if (logits[k] > largest) largest = logits[k];
  const double of_right = logits[right] - largest;
  for (long k = 0; k < classes; k++) sum += exp(logits[k] - largest);
  for (long k = 0; k < classes; k++) logits[k] = exp(logits[k] - largest) / sum;
  logits[right] -= 1;
  return log(sum) - of_right;
}

/* returns 1 if a target is no class */
long read_out(struct read_out *c) {
  const long H = c->hidden, O = c->outputs;
  const double share = 1.0 / c->batch;
  REAL d[O];
  for (long k = 0; !c->squared && k < c->batch; k++) {
    const long right = ((const long *)c->targets)[k];
    if (right < 0 || right >= O) return 1;
  }
  c->loss = 0;
  for (long k = 0; k < O * H; k++) c->d_weight[k] = 0;
  for (long k = 0; k < O; k++) c->d_bias[k] = 0;
  for (long b = 0; b < c->batch; b++) {
    const REAL *read = c->read + b * c->read_step;
    REAL *found = c->found + b * O, *d_read = c->d_read + b * H;
    for (long o = 0; o < O; o++) d[o] = found[o] = dot(read, c->weight + o * H, H) + c->bias[o];
    if (c->squared) {
      const REAL error = found[0] - ((const REAL *)c->targets)[b];
      c->loss += (double)(error * error);
      d[0] = 2 * error;
    } else {
      c->loss += cross_entropy(d, O, ((const long *)c->targets)[b]);
    }
    for (long h = 0; h < H; h++) d_read[h] = 0;
    for (long o = 0; o < O; o++) {
      const REAL g = (REAL)(d[o] * share);
      add_to(d_read, g, c->weight + o * H, H);
      add_to(c->d_weight + o * H, g, read, H);
      c->d_bias[o] += g;
    }
  }
  c->loss *= share;
  return 0;
}

/* ---- gradients and parameters side by side; n is a multiple of LANES ---- */

/* in double, because the squares of vanishing float gradients underflow */
double norm(const REAL *g, long n) {
  double part[LANES] = {0}, sum = 0;
  for (long i = 0; i < n; i += LANES)
    for (long l = 0; l < LANES; l++) part[l] += (double)g[i + l] * g[i + l];
  for (long l = 0; l < LANES; l++) sum += part[l];
  return sqrt(sum);
}

struct adam {
  long n, decoupled; /* decoupled: the weight decay of AdamW */
  REAL *parameters, *gradients, *mean, *square;
  float *step;
  double lr, beta1, beta2, eps, weight_decay;
  double scale; /* of the gradients, which are written back */
};

INLINE double power(double base, double exponent) { return exp(exponent * log(base)); }

/* what the rows of a step have in common, in the type of the parameters */
struct rates {
  REAL scale, coupled, kept, rest1, kept2, rest2, rate, root, eps;
};

/* LANES parameters and what belongs to them; adds 0 to `check`, or NaN for what is not finite */
INLINE void move(const struct rates r, REAL *restrict p, REAL *restrict g, REAL *restrict m,
                 REAL *restrict v, REAL *restrict check) {
  for (long l = 0; l < LANES; l++) {
    const REAL scaled = g[l] * r.scale;
    const REAL d = scaled + r.coupled * p[l];
    const REAL mean = m[l] + r.rest1 * (d - m[l]);
    const REAL square = r.kept2 * v[l] + r.rest2 * d * d;
    const REAL moved = r.kept * p[l] - r.rate * mean / (LIBM(sqrt)(square) / r.root + r.eps);
    g[l] = scaled;
    m[l] = mean;
    v[l] = square;
    p[l] = moved;
    check[l] += 0 * moved;
  }
}

/* Kingma & Ba 2015, algorithm 1, as torch computes it; returns 0 if a parameter became infinite
   or NaN */
long adam(struct adam *c) {
  const double steps = *c->step += 1;
  const double correction1 = 1 - power(c->beta1, steps);
  const double decay = c->lr * c->weight_decay;
  const struct rates rates = {
      .scale = (REAL)c->scale,
      .coupled = c->decoupled ? 0 : (REAL)c->weight_decay,
      .kept = c->decoupled ? (REAL)(1 - decay) : 1,
      .rest1 = (REAL)(1 - c->beta1),
      .kept2 = (REAL)c->beta2,
      .rest2 = (REAL)(1 - c->beta2),
      .rate = (REAL)(c->lr / correction1),
      .root = (REAL)sqrt(1 - power(c->beta2, steps)),
      .eps = (REAL)c->eps,
  };
  REAL check[LANES] = {0}, sum = 0;
  for (long i = 0; i < c->n; i += LANES)
    move(rates, c->parameters + i, c->gradients + i, c->mean + i, c->square + i, check);
  for (long l = 0; l < LANES; l++) sum += check[l];
  return sum == sum;
}
