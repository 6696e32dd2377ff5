"""What a run logs of its updates, its evaluations and itself, besides its statistics."""

from bptt.measuring.rows import END, EVALUATIONS, LOG_POINTS, START, SYSTEM_POINTS, Scalar

LAST_UPDATES, NOT_FINITE = "last updates", "not finite"
"""Lines of `bptt show`."""

TRAIN_LOSS = Scalar("train/loss", "mean loss of the training batches", LOG_POINTS, better="lower")
TRAIN_METRIC = Scalar(
    "train/<metric>", "a metric of the task on the last training batch", LOG_POINTS
)
EVAL_LOSS = Scalar("eval/loss", "loss on the main evaluation set", EVALUATIONS, better="lower")
EVAL_LOSS_OF = Scalar(
    "eval/loss_<set>",
    "loss on a named evaluation set (agreement: by number of attractors)",
    EVALUATIONS,
)
EVAL_METRIC = Scalar(
    "eval/<metric>", "a metric of the task on the main evaluation set", EVALUATIONS
)
EVAL_METRIC_OF = Scalar("eval/<metric>_<set>", "the same on a named evaluation set", EVALUATIONS)
TEST_LOSS = Scalar(
    "test/loss", "loss of the last weights on the main test set", END, better="lower"
)
TEST_METRIC = Scalar(
    "test/<metric>",
    "a metric of the task on the main test set, with the last weights; behind it `_<set>` for a "
    "named set (`test/error_attractors_4`) and for one with other options of the task "
    "(`evaluation: {length: [64, 256]}` gives `test/accuracy_length_64`)",
    END,
)
BEST_TEST = Scalar(
    "best/test_<metric>",
    "the metric that decides on the main test set, with the weights of the best evaluation",
    END,
)
SEEN = Scalar(
    "seen/<split>",
    "share of the sequences of the main evaluation set (`eval`) and test set (`test`) that were "
    "drawn in training, too; of the named sets: `seen` in `result.json`",
    END,
)
BEST = Scalar(
    "best/eval_<metric>", "best value so far of the metric that decides", "when it improves"
)
BEST_STEP = Scalar("best/step", "the step of that value", "when it improves", "updates")

GRAD_NORM = Scalar(
    "grad/norm",
    "norm of all gradients together, before clipping; 1.797e308 stands for any larger value",
    LOG_POINTS,
    line=LAST_UPDATES,
    words="gradient norm",
)
CLIPPED_NORM = Scalar(
    "grad/clipped_norm",
    "the same after clipping",
    LOG_POINTS,
    line=LAST_UPDATES,
    words="clipped",
)
NORM_MAX = Scalar(
    "grad/norm_max",
    "largest `grad/norm` of one update",
    LOG_POINTS,
    line=LAST_UPDATES,
    words="largest",
)
CLIP_FRACTION = Scalar(
    "grad/clip_fraction",
    "share of the updates that were clipped",
    LOG_POINTS,
    line=LAST_UPDATES,
    words="clipped fraction",
)
EFFECTIVE_LR = Scalar(
    "grad/effective_lr",
    "learning rate times `clipped_norm / norm`: the rate at which the unclipped gradient acts",
    LOG_POINTS,
    line=LAST_UPDATES,
    words="effective lr",
)
UPDATE_RATIO = Scalar(
    "grad/update_ratio",
    "norm of the last update divided by the norm of the parameters",
    LOG_POINTS,
)
NONFINITE = Scalar(
    "grad/nonfinite",
    "elements of gradients that were NaN or infinite",
    LOG_POINTS,
    "elements",
    line=NOT_FINITE,
    words="gradient elements",
)
SKIPPED = Scalar(
    "grad/skipped",
    "updates not made because the gradient was not finite (`training.nonfinite: skip`)",
    LOG_POINTS,
    "updates",
)

STEPS_PER_SECOND = Scalar(
    "sys/steps_per_s", "updates per second since the last point", SYSTEM_POINTS, "1/s"
)
RESIDENT_MEMORY = Scalar(
    "sys/rss_mb", "peak resident memory of the process in megabytes", SYSTEM_POINTS, "MB"
)
STATISTICS_SHARE = Scalar(
    "sys/statistics_share",
    "share of the run's time spent on statistics so far",
    SYSTEM_POINTS,
)
HYPERPARAMETER = Scalar(
    "hp/<field>",
    "a numeric field of the spec, so that MLflow can filter by range (MLflow only)",
    START,
)

OF_UPDATES = (
    *(TRAIN_LOSS, TRAIN_METRIC, EVAL_LOSS, EVAL_LOSS_OF, EVAL_METRIC, EVAL_METRIC_OF),
    *(
        BEST,
        BEST_STEP,
        TEST_LOSS,
        TEST_METRIC,
        BEST_TEST,
        SEEN,
        GRAD_NORM,
        CLIPPED_NORM,
        NORM_MAX,
        CLIP_FRACTION,
        EFFECTIVE_LR,
    ),
    *(UPDATE_RATIO, NONFINITE, SKIPPED),
)
OF_THE_RUN = (STEPS_PER_SECOND, RESIDENT_MEMORY, STATISTICS_SHARE, HYPERPARAMETER)
