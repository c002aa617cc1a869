# The example project and the tests, for `docker compose up --build`.
FROM python:3.13-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends bash chromium ffmpeg fonts-dejavu-core git make postgresql redis-server \
    && rm -rf /var/lib/apt/lists/*

# Debian's own Node.js is too old for the tools that build the web chat's component.
COPY --from=node:20-bookworm-slim /usr/local/bin/node /usr/local/bin/node
COPY --from=node:20-bookworm-slim /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx

WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1

# The dependencies first: a change of the sources alone does not install them again.
COPY pyproject.toml uv.lock README.md LICENSE hatch_build.py ./
COPY frontend ./frontend
COPY scripts ./scripts
RUN mkdir -p src/unicom && touch src/unicom/__init__.py && scripts/setup.sh
COPY . .
RUN scripts/setup.sh

EXPOSE 8000
CMD ["python", "example/manage.py", "demo", "--host", "0.0.0.0"]
