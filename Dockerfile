# Two images of one file: `bptt` is the API, the workers, the migration and the command line;
# `mlflow` is MLflow's own server. Source comes last: a change of it installs nothing anew.
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS base
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore

# What to install, by itself: the layers below are made anew only if this list has changed, not with
# every other line of pyproject.toml.
FROM base AS lists
WORKDIR /lists
COPY pyproject.toml constraints.txt ./
RUN python -c "\
import tomllib; \
project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
extras = project['optional-dependencies']; \
ours = [*project['dependencies'], *extras['worker'], *extras['server']]; \
wanted = [line for line in ours if not line.startswith(('bptt[', 'torch'))]; \
open('bptt.txt', 'w').write('\n'.join(wanted)); \
open('mlflow.txt', 'w').write('\n'.join(extras['mlflow-server'])); \
pins = open('constraints.txt').read().split(); \
open('torch.txt', 'w').writelines(pin[7:] for pin in pins if pin.startswith('torch=='))"

FROM base AS installed
RUN python -m venv /opt/bptt
# Where an index has torch for Linux on x86-64 by the plain version alone, that one brings gigabytes
# of CUDA. The build for the processor has the same version with `+cpu` on it, and is what we ask for
# first. Not every index has it: TORCH_INDEX is the address of one that does (torch's own page about
# installing names it for Linux, pip, CPU); without it pip looks where it always looks, and takes the
# plain version if that is all there is. TORCH=cuda asks for the plain version at once.
ARG TORCH=cpu
ARG TORCH_INDEX=""
COPY --from=lists /lists/torch.txt /lists/constraints.txt /lists/
RUN if [ -n "$TORCH_INDEX" ]; then export PIP_EXTRA_INDEX_URL="$TORCH_INDEX"; fi \
 && set -- /opt/bptt/bin/pip install --constraint /lists/constraints.txt \
 && version=$(cat /lists/torch.txt) \
 && if [ "$TORCH" = cuda ]; then "$@" "torch==$version"; \
    else "$@" "torch==$version+cpu" || { \
      echo "No index has torch $version+cpu; taking $version, with CUDA where that is what it is." \
           "TORCH_INDEX in .env names an index that has it." >&2; \
      "$@" "torch==$version"; }; fi \
 # its tests
 && rm -rf /opt/bptt/lib/python3.*/site-packages/torch/test
COPY --from=lists /lists/bptt.txt /lists/
RUN /opt/bptt/bin/pip install --constraint /lists/constraints.txt --requirement /lists/bptt.txt

FROM base AS wheel
WORKDIR /source
COPY --from=lists /lists/constraints.txt ./
RUN pip install --constraint constraints.txt hatchling
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY plugins/bptt_plugins plugins/bptt_plugins
COPY services services
RUN pip wheel --no-deps --no-build-isolation --wheel-dir /wheel .

FROM base AS mlflow-installed
RUN python -m venv /opt/mlflow
COPY --from=lists /lists/mlflow.txt /lists/constraints.txt /lists/
RUN /opt/mlflow/bin/pip install --constraint /lists/constraints.txt \
      --requirement /lists/mlflow.txt

FROM base AS mlflow
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp mlflow \
 && install -d -o mlflow -g mlflow -m 700 /var/lib/mlflow
COPY --from=mlflow-installed /opt/mlflow /opt/mlflow
COPY --chmod=755 deploy/mlflow.sh deploy/mlflow_users.py deploy/mlflow_readers.py \
  /opt/mlflow/deploy/
ENV PATH=/opt/mlflow/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /tmp
CMD ["sh", "/opt/mlflow/deploy/mlflow.sh"]

FROM base AS bptt
# cells are compiled where they are trained
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
# a volume takes the owner of the folder it is mounted over for the first time
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /tmp bptt \
 && install -d -o bptt -g bptt -m 700 /var/lib/bptt
COPY --from=installed /opt/bptt /opt/bptt
RUN --mount=type=bind,from=wheel,source=/wheel,target=/wheel \
    /opt/bptt/bin/pip install --no-deps /wheel/*.whl
# a team's own cells, clippers and tasks: whatever pip installs, folders in plugins/ included
ARG PLUGINS=""
WORKDIR /tmp
RUN --mount=type=bind,source=plugins,target=/tmp/plugins \
    --mount=type=bind,from=lists,source=/lists,target=/lists \
    if [ -n "$PLUGINS" ]; then /opt/bptt/bin/pip install --constraint /lists/constraints.txt $PLUGINS; fi
ENV PATH=/opt/bptt/bin:$PATH PYTHONUNBUFFERED=1 BPTT_HOME=/var/lib/bptt MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
CMD ["bptt", "--help"]
