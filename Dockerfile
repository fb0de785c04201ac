# Segment on a CPU: docker build -t segment . && docker run --rm segment
FROM python:3.13-slim

# The CPU build: PyPI's carries gigabytes of CUDA. No screen here, so no libGL either.
RUN pip install --no-cache-dir 'torch>=2.6,<2.16' --index-url https://download.pytorch.org/whl/cpu
COPY pyproject.toml README.md /src/
COPY segment /src/segment
COPY models /src/models
COPY videos /src/videos
RUN pip install --no-cache-dir /src \
    && pip uninstall --yes opencv-python \
    && pip install --no-cache-dir --force-reinstall --no-deps "opencv-python-headless>=4.10"

# `docker run -v "$PWD:/data" segment read film.mp4 ...` reads and writes in this folder.
WORKDIR /data
ENTRYPOINT ["segment"]
CMD ["read", "sample:street", "subtract", "clean", "group", "export", "/tmp/out", "--as", "masks", "--as", "coco", "--as", "overlay"]
