/* What Python hands over, and the user's weights as the two passes of a cell read them.

   Axes: time T, batch B, input I, hidden H. Preactivations (lanes) are ordered: fed by the state
   alone, by both, by the input alone; so the state feeds the first NH of all NL, the input the
   last NX. NA products follow inside a step, ordered by what they multiply; each has its lane, too,
   and a block of the user's; one block may serve several. Every row of H numbers is padded to HP,
   a multiple of WIDTH. Padding never reaches a result. */

#define RT 32 /* sequences computed together */

/* ---- eight bytes each; see layout.py ---- */

struct call {
  CALL_MEMBERS
};

int width(void) { return WIDTH; }
int saved(void) { return NK; }
int saved_rows(void) { return NR; }

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
/* of product `a`, which is one of NA; C has no empty arrays */
static const int BLOCK[NA + 1] = {BLOCKS};

#define FIRST_OF_INPUT ((NL - NX) * HP) /* column of the first lane that the input feeds */

/* which of `rows` x `columns` weights gain from lying in panels */
INLINE struct matrix matrix_of(const struct call *c, long rows, long columns) {
  return c->H >= 256 || c->B < 8 ? in_panels(rows, columns) : in_rows(rows, columns);
}

/* copies the user's biases into one row, the weights into a matrix each, for the forward pass */
static void lay_out(const struct call *c, REAL *bias, const struct matrix *u,
                    const struct matrix *w, const struct matrix *p) {
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
  for (long a = 0; a < NA; a++)
    lay(p, a * HP, c->product_weight + BLOCK[a] * H, NP * H, H, H);
}

/* the same transposed, for the backward pass */
static void lay_out_transposed(const struct call *c, const struct matrix *ut,
                               const struct matrix *wt, const struct matrix *pt) {
  const long I = c->I, H = c->H, HP = ROUND(H);
  for (long l = 0; l < NL; l++) {
    const int in_h = IN_RECURRENT[l], in_x = IN_INPUT[l];
    if (in_h >= 0) lay_transposed(ut, l * HP, c->recurrent_weight + in_h * H, NH * H, H, H);
    if (in_x >= 0 && c->d_x)
      lay_transposed(wt, l * HP - FIRST_OF_INPUT, c->input_weight + in_x * H, NX * H, I, H);
  }
  for (long a = 0; a < NA; a++)
    lay_transposed(pt, a * HP, c->product_weight + BLOCK[a] * H, NP * H, H, H);
}

/* copies the gradients of the lanes to those of the user's parameters */
static void hand_over(const struct call *c, const REAL *db, const REAL *du, const REAL *dw,
                      const REAL *dp, const REAL *dv) {
  const long I = c->I, H = c->H, HP = ROUND(H), su = STRIDE(NH * HP), sx = STRIDE(NX * HP);
  const long sp = STRIDE(NA * HP);
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
  for (long k = 0; k < H * NP * H; k++) c->d_product_weight[k] = 0;
  for (long a = 0; a < NA; a++)
    for (long k = 0; k < H; k++)
      for (long j = 0; j < H; j++)
        c->d_product_weight[(k * NP + BLOCK[a]) * H + j] += dp[k * sp + a * HP + j];
  for (long v = 0; v < NV; v++)
    for (long j = 0; j < H; j++) c->d_vectors[v][j] = dv[v * HP + j];
}
