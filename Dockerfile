FROM python:3.11-slim
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends git && rm -rf /var/lib/apt/lists/*
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src && useradd --create-home capplan \
  && git config --system --add safe.directory /work
USER capplan
WORKDIR /work
ENTRYPOINT ["capplan"]
