/* The parts of an update outside the cells: losses, read-out, norm of the gradients, Adam.

   Written for networks so small that calling an operation of torch takes longer than its work. Sums
   have BLOCK partial sums, which the compiler keeps in vectors, so that their order is the same on
   every processor. */

#define BLOCK 16

double log(double);
double sqrt(double);
double exp(double);

/* ---- losses after the last step and the derivative of their mean; all of them count ---- */

struct losses {
  long rows, outputs, squared;
  const REAL *found, *weights; /* (rows, outputs); (outputs), one for each class, or null */
  const void *targets; /* (rows): REAL if squared, else classes */
  const unsigned char *counts; /* (rows): whether each counts; null if all do */
  REAL *gradients; /* after the last step: (rows, outputs), with room for one more vector */
  double mean;
};

/* logits minus the largest, so that no exponential overflows */
INLINE void lower(const REAL *found, REAL *to, long classes) {
  REAL largest = found[0];
  for (long k = 1; k < classes; k++)
    if (found[k] > largest) largest = found[k];
  for (long k = 0; k < classes; k++) to[k] = found[k] - largest;
}

/* turns the exponentials of one row of logits into (softmax - one-hot) * factor, in place */
INLINE void centre(REAL *g, long classes, long right, double sum, double factor) {
  const REAL share = (REAL)(factor / sum);
  for (long k = 0; k < classes; k++) g[k] *= share;
  g[right] -= (REAL)factor;
}

static double cross_entropy(struct losses *c, double share) {
  const long O = c->outputs, all = c->rows * O;
  const long *classes = c->targets;
  double total = 0;
  for (long r = 0; r < c->rows; r++) {
    REAL *g = c->gradients + r * O;
    lower(c->found + r * O, g, O);
    total -= (c->weights ? c->weights[classes[r]] : 1) * (double)g[classes[r]];
  }
  for (long k = 0; k < all; k += WIDTH) STORE(c->gradients + k, v_exp(LOAD(c->gradients + k)));
  for (long r = 0; r < c->rows; r++) {
    REAL *g = c->gradients + r * O;
    const double weight = c->weights ? c->weights[classes[r]] : 1;
    double sum = 0;
    for (long k = 0; k < O; k++) sum += g[k];
    total += weight * log(sum);
    centre(g, O, classes[r], sum, weight * share);
  }
  return total;
}

static double squared_error(struct losses *c, double share) {
  const REAL *targets = c->targets;
  double total = 0;
  for (long r = 0; r < c->rows; r++) {
    const REAL error = c->found[r] - targets[r];
    total += (double)(error * error);
    c->gradients[r] = (REAL)(share * 2 * error);
  }
  return total;
}

/* how many targets count; -1 if one of them is not a class */
static long counted_targets(const struct losses *c) {
  long counted = 0;
  for (long r = 0; r < c->rows; r++) {
    if (c->counts && !c->counts[r]) continue;
    const long right = c->squared ? 0 : ((const long *)c->targets)[r];
    if (right < 0 || right >= c->outputs) return -1;
    counted++;
  }
  return counted;
}

/* returns 1 if a target is not a class */
static long losses(struct losses *c) {
  const long counted = counted_targets(c);
  if (counted < 0) return 1;
  const double share = 1.0 / counted;
  c->mean = share * (c->squared ? squared_error(c, share) : cross_entropy(c, share));
  return 0;
}

/* ---- read-out after the last step ---- */

struct read_out {
  struct losses losses;
  long hidden, step; /* step: from one row of `read` to the next */
  const REAL *read, *weight, *bias; /* (rows, hidden), (outputs, hidden), (outputs) */
  REAL *found, *d_read, *d_weight, *d_bias; /* (rows, outputs); d_x has the shape of x */
};

INLINE REAL dot(const REAL *a, const REAL *b, long n) {
  REAL part[BLOCK] = {0};
  long i = 0;
  for (; i + BLOCK <= n; i += BLOCK)
    for (long l = 0; l < BLOCK; l++) part[l] += a[i + l] * b[i + l];
  for (long l = 0; i + l < n; l++) part[l] += a[i + l] * b[i + l];
  for (long half = BLOCK / 2; half; half /= 2)
    for (long l = 0; l < half; l++) part[l] += part[l + half];
  return part[0];
}

INLINE void add_to(REAL *to, REAL factor, const REAL *a, long n) {
  long i = 0;
  for (; i + BLOCK <= n; i += BLOCK)
    for (long l = 0; l < BLOCK; l++) to[i + l] += factor * a[i + l];
  for (; i < n; i++) to[i] += factor * a[i];
}

/* forward, losses and backward; returns 1 if a target is not a class */
long read_out(struct read_out *c) {
  const long H = c->hidden, O = c->losses.outputs, rows = c->losses.rows;
  for (long r = 0; r < rows; r++)
    for (long o = 0; o < O; o++)
      c->found[r * O + o] = dot(c->read + r * c->step, c->weight + o * H, H) + c->bias[o];
  if (losses(&c->losses)) return 1;
  for (long k = 0; k < O * H; k++) c->d_weight[k] = 0;
  for (long o = 0; o < O; o++) c->d_bias[o] = 0;
  for (long k = 0; k < rows * H; k++) c->d_read[k] = 0;
  for (long r = 0; r < rows; r++)
    for (long o = 0; o < O; o++) {
      const REAL g = c->losses.gradients[r * O + o];
      add_to(c->d_read + r * H, g, c->weight + o * H, H);
      add_to(c->d_weight + o * H, g, c->read + r * c->step, H);
      c->d_bias[o] += g;
    }
  return 0;
}

/* ---- embedding ---- */

/* to[index[r]] += from[r]; (any, width), (rows, width) */
void add_rows(REAL *to, const REAL *from, const long *index, long rows, long width) {
  for (long r = 0; r < rows; r++) add_to(to + index[r] * width, 1, from + r * width, width);
}

/* ---- gradients and parameters as flat vectors; n is a multiple of BLOCK ---- */

/* the square of a double may overflow: all are divided by the largest first (Blue 1978) */
static double norm_by_largest(const REAL *g, long n) {
  double sum = 0, peak = 0;
  for (long i = 0; i < n; i++) {
    const double a = g[i] < 0 ? -g[i] : g[i];
    if (a != a) return a;
    if (a > peak) peak = a;
  }
  if (peak == 0 || peak > 1.7976931348623157e308) return peak;
  for (long i = 0; i < n; i++) {
    const double a = g[i] / peak;
    sum += a * a;
  }
  return peak * sqrt(sum);
}

/* summed in double, because squares of vanishing float gradients underflow */
double norm(const REAL *g, long n) {
  double part[BLOCK] = {0}, sum = 0;
  for (long i = 0; i < n; i += BLOCK)
    for (long l = 0; l < BLOCK; l++) part[l] += (double)g[i + l] * g[i + l];
  for (long l = 0; l < BLOCK; l++) sum += part[l];
  if (sizeof(REAL) == sizeof(double) && !(sum > 1e-280 && sum < 1e280))
    return norm_by_largest(g, n);
  return sqrt(sum);
}

struct adam {
  long n, decoupled; /* decoupled: the weight decay of AdamW */
  REAL *parameters, *gradients, *mean, *square;
  float *step;
  double lr, beta1, beta2, eps, weight_decay;
  double scale; /* factor on the gradients, which are written back */
};

INLINE double power(double base, double exponent) { return exp(exponent * log(base)); }

/* what all blocks of a step share, in the type of the parameters */
struct rates {
  REAL scale, coupled, kept, rest1, kept2, rest2, rate, root, eps;
};

/* one BLOCK of parameters with their moments; adds 0 to `check`, NaN where one is not finite */
INLINE void move(const struct rates r, REAL *restrict p, REAL *restrict g, REAL *restrict m,
                 REAL *restrict v, REAL *restrict check) {
  for (long l = 0; l < BLOCK; l++) {
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
  REAL check[BLOCK] = {0}, sum = 0;
  for (long i = 0; i < c->n; i += BLOCK)
    move(rates, c->parameters + i, c->gradients + i, c->mean + i, c->square + i, check);
  for (long l = 0; l < BLOCK; l++) sum += check[l];
  return sum == sum;
}
