/* Whether the way back may end early, because every gradient is 0 from a step on.

   Everything that is left out would add 0 times a number, which is 0 if the number is finite. So
   these are looked at, once, when gradients have vanished, except for what is kept where that is
   finite if the rest is moderate (SAVED_IS_FINITE). Nothing is left out unless the derivative of a
   step is known to make zeros of zeros (KEEPS_ZERO). */

static int are_zero(const REAL *a, long n) {
  for (long i = 0; i < n; i++)
    if (a[i] != 0) return 0; /* NaN is not */
  return 1;
}

/* the first step of `rows` sequences from b on whose states get a gradient from outside; T: none */
static long first_given(const struct call *c, long b, long rows) {
  for (long t = 0; t < c->T; t++)
    for (long s = 0; s < NS; s++) {
      if (!c->d_states[s]) continue;
      const REAL *e = c->d_states[s] + t * c->d_states_step[s] + b * c->d_states_row[s];
      for (long i = 0; i < rows; i++)
        if (!are_zero(e + i * c->d_states_row[s], c->H)) return t;
    }
  return c->T;
}

/* whether all is moderate that the way back through steps 0 to t would multiply by gradients */
static int is_all_moderate(const struct call *c, const REAL *vectors, long b, long t, long rows) {
  const long B = c->B, H = c->H, HP = ROUND(H), span = (c->T + 1) * B * HP, kept = HP * rows * NK;
  if (!are_moderate(vectors, 1, 0, (NV + NF) * HP)) return 0;
  if (!are_moderate(c->recurrent_weight, 1, 0, H * NH * H)) return 0;
  if (NP && !are_moderate(c->product_weight, 1, 0, H * NP * H)) return 0;
  if (!are_moderate(c->input_weight, 1, 0, c->I * NX * H)) return 0;
  for (long l = 0; l < NL; l++) {
    const int in_bias = IN_RECURRENT_BIAS[c->biases][l], in_x = c->biases ? IN_INPUT[l] : -1;
    if (in_x >= 0 && !are_moderate(c->input_bias + in_x * H, 1, 0, H)) return 0;
    if (in_bias >= 0 && !are_moderate(c->recurrent_bias + in_bias * H, 1, 0, H)) return 0;
  }
  for (long k = 0; k <= t; k++) {
    const REAL *x = c->x + k * c->x_step + b * c->x_row;
    if (!are_moderate(x, rows, c->x_row, c->I)) return 0;
    if (SAVED_IS_FINITE) continue;
    if (!are_moderate(c->saved + c->T * b * NK * HP + k * kept, 1, 0, kept)) return 0;
    const REAL *of_rows = c->saved + c->T * B * NK * HP + (c->T * b + k * rows) * NR;
    if (!are_moderate(of_rows, 1, 0, rows * NR)) return 0;
  }
  for (long s = 0; s < NS; s++)
    for (long k = 0; k <= t + 1; k++)
      if (!are_moderate(c->states + s * span + (k * B + b) * HP, 1, 0, rows * HP)) return 0;
  return 1;
}

/* whether all gradients of the steps up to t are 0, given d, those with respect to the states after
   step t; `from` is the first step with one from outside, -1 as long as nobody has looked */
__attribute__((noinline)) static int is_over(const struct call *c, const REAL *d, const REAL *vectors, long R, long b, long t,
                   long rows, long *from) {
  const long HP = ROUND(c->H);
  for (long s = 0; s < NS; s++)
    if (!are_zero(d + s * R * HP, rows * HP)) return 0;
  if (*from < 0) *from = first_given(c, b, rows);
  if (*from <= t) return 0;
  if (is_all_moderate(c, vectors, b, t, rows)) return 1;
  *from = 0; /* once is enough */
  return 0;
}

/* leaves zeros where the way back through steps 0 to t would have written */
__attribute__((noinline)) static void leave_zeros(const struct call *c, REAL *d, long R, long b, long t, long rows) {
  const long HP = ROUND(c->H);
  for (long k = 0; k < NS * R * HP; k++) d[k] = 0;
  for (long k = 0; k <= t; k++) {
    for (long s = 0; c->norms && s < NS; s++) c->norms[(b / RT * NS + s) * c->T + k] = 0;
    if (c->d_x)
      for (long i = 0; i < rows * c->I; i++) c->d_x[(k * c->B + b) * c->I + i] = 0;
  }
}
