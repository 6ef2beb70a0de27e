FROM python:3.13-slim AS build
COPY . /src
RUN python -m venv /opt/capplan \
  && /opt/capplan/bin/pip install --no-cache-dir --require-hashes -r /src/requirements/run.txt \
  && /opt/capplan/bin/pip install --no-cache-dir --no-deps --no-build-isolation /src \
  && /opt/capplan/bin/pip uninstall --yes hatchling pip

FROM python:3.13-slim
# git for --since and REVISION:PATH; Debian's mirrors keep no older version that could be named here.
# hadolint ignore=DL3008
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
  && git config --system --add safe.directory '*'
COPY --from=build /opt/capplan /opt/capplan
ENV PATH=/opt/capplan/bin:$PATH HOME=/tmp
USER 10001
WORKDIR /work
ENTRYPOINT ["capplan"]
