# The server, its workers and the command line in one image; what it runs as is the command.
#   docker build -t footnote .
#   docker run -p 127.0.0.1:8000:8000 -v footnote:/data -e FOOTNOTE_AUTH__KEYS='[{"key": "…", "id": "ana", "admin": true}]' footnote

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /src
COPY requirements.lock ./
# torch for CPUs: the default build brings several GB of CUDA that only the engine's own image needs.
RUN pip install "$(grep '^torch==' requirements.lock)" --index-url https://download.pytorch.org/whl/cpu
COPY pyproject.toml README.md LICENSE ./
COPY core core
COPY ingestion ingestion
COPY retrieval retrieval
COPY agents agents
COPY serving serving
COPY finetune finetune
COPY app app
# The lock constrains; what only tests need stays out.
RUN pip install --constraint requirements.lock . && cd / && python -m retrieval.prepare

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install --yes --no-install-recommends tesseract-ocr tesseract-ocr-deu bubblewrap \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --no-create-home --home-dir /data footnote \
 && install -d -o footnote -g footnote -m 0700 /data /shared
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 FOOTNOTE_DATA_DIR=/data
USER footnote
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["footnote"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
