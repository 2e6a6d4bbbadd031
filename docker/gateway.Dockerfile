# The gateway and everything that belongs to it: `run`, `relay`, `simulate`, `keys`, `probe` …
#   docker build -f docker/gateway.Dockerfile -t iqfeed-gateway .
# Any other image with Python 3.11 or later, the C library of Debian or its like, and pip:
#   docker build -f docker/gateway.Dockerfile --build-arg BASE=registry.example.com/python:3.13 .
ARG BASE=python:3.13.11-slim-trixie

FROM ${BASE} AS build
# The compiled pipeline: without it the image is refused; `none` makes one that runs in Python, and
# needs neither a compiler nor Debian's packages.
ARG COMPILED=required
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN packages= \
 && if [ "$COMPILED" != none ]; then \
      command -v c++ > /dev/null || packages=g++; \
      python3 -c "import os, sysconfig; os.stat(sysconfig.get_path('include') + '/Python.h')" \
        2> /dev/null || packages="$packages python3-dev"; \
    fi \
 && if [ -n "$packages" ]; then \
      apt-get -q update && apt-get -q install -y --no-install-recommends $packages; \
    fi
WORKDIR /source
COPY pyproject.toml hatch_build.py README.md CHANGELOG.md LICENSE ./
COPY gateway gateway
COPY clients/python clients/python
RUN IQGW_BUILD_COMPILED="$COMPILED" python3 -m pip wheel --wheel-dir /wheels .
# An environment without pip, so that the image cannot install anything; `--only-binary` because it
# has no compiler either. Bytecode is made here: a read-only root has no place for it later.
RUN python3 -m venv --without-pip /opt/iqfeed-gateway \
 && python3 -m pip --python /opt/iqfeed-gateway/bin/python install \
      --no-index --find-links /wheels --only-binary=:all: --no-compile iqfeed-gateway \
 && find /opt/iqfeed-gateway -type d \( -name tests -o -name test \) -prune -exec rm -rf {} + \
 && find /opt/iqfeed-gateway -name '*.pyi' -delete \
 && /opt/iqfeed-gateway/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
      /opt/iqfeed-gateway/lib

FROM ${BASE}
LABEL org.opencontainers.image.title="iqfeed-gateway" \
      org.opencontainers.image.description="Live prices from DTN IQFeed over ZeroMQ, with every loss visible" \
      org.opencontainers.image.licenses="Apache-2.0"
# Volumes that are new take their owner from these directories.
RUN groupadd --gid 10001 gateway \
 && useradd --uid 10001 --gid gateway --home-dir /var/lib/iqfeed-gateway --no-create-home \
      --shell /usr/sbin/nologin gateway \
 && install -d -o gateway -g gateway -m 0750 \
      /var/lib/iqfeed-gateway /var/log/iqfeed /keys/gateway /keys/probe /keys/client \
 && install -d -m 0755 /etc/iqfeed-gateway
COPY --from=build /opt/iqfeed-gateway /opt/iqfeed-gateway
ENV PATH=/opt/iqfeed-gateway/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    IQGW_STATE_DIR=/var/lib/iqfeed-gateway
# Credentials may be given as a file `.env` of this directory, read-only as everything else.
WORKDIR /etc/iqfeed-gateway
USER 10001:10001
EXPOSE 7700 7701 7702
STOPSIGNAL SIGTERM
# Whether the process works: an IQConnect that is away is no reason to start it anew. With keys
# IQGW_CLIENT_KEYS names a monitor's; add `--ready` where healthy is to mean that prices can be live.
# A `relay` or a `simulate` has no answer to it: `--no-healthcheck`, `healthcheck: {disable: true}`.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s --retries=3 CMD ["iqfeed-gateway", "probe"]
# Without a shell between: the gateway is the first process and hears signals itself.
ENTRYPOINT ["iqfeed-gateway"]
CMD ["run"]
