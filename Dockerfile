# The course in Jupyter Lab: work notebooks and pages, none with a solution.
# docker build -t course . && docker run --rm -p 127.0.0.1:8888:8888 course
FROM python:3.12-slim AS pages
ENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu PIP_NO_CACHE_DIR=1
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /book
COPY . .
# Lab sends the pages under /static.
RUN make book EDITION=student && sed -i 's|](\.\./|](/static/|g' _build/student/_build/html/work/*.ipynb

FROM python:3.12-slim
WORKDIR /nnlib
COPY pyproject.toml README.md LICENSE LICENSE-TEXT constraints.txt ./
COPY _ext/notices _ext/notices
COPY nnlib nnlib
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
    -c constraints.txt ".[notebooks,torch]" \
    && useradd --create-home --uid 1000 student
USER 1000
WORKDIR /home/student/course
COPY --chown=1000 --from=pages /book/_build/student/_build/html .
EXPOSE 8888
CMD ["jupyter-lab", "--ip=0.0.0.0", "--no-browser", "--LabApp.default_url=/lab/tree/work", \
     "--ServerApp.extra_static_paths=/home/student/course"]
