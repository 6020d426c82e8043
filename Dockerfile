# syntax=docker/dockerfile:1
# The image of a release: one static binary, CA certificates, nothing else. From a clone:
#
#   docker build --build-arg TCSS_EXPORTER_REVISION="$(git rev-parse HEAD)" --tag tcss-exporter .
#
# A release replaces the stage "build" by target/packaging/rootfs, which packaging/build makes from the same sources with the same
# script: see packaging/image.

ARG RUST_IMAGE=docker.io/library/rust:1.95.0-slim-bookworm

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS build
ARG TARGETARCH
ARG TCSS_EXPORTER_REVISION=unknown
WORKDIR /src
COPY . .
RUN SOURCE_DATE_EPOCH=0 packaging/binary image "${TARGETARCH:-amd64}" && \
    packaging/rootfs target/packaging/image/*/release/tcss-exporter /rootfs

FROM scratch AS image
ARG TCSS_EXPORTER_REVISION=unknown
ARG VERSION=0.0.0
ARG CREATED=1970-01-01T00:00:00Z
ARG REPOSITORY=https://github.com/tcss-exporter/tcss-exporter
LABEL org.opencontainers.image.title="tcss-exporter" \
    org.opencontainers.image.description="Prometheus exporter for the vulnerability scans of Tencent Cloud Container Security" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${TCSS_EXPORTER_REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${REPOSITORY}" \
    org.opencontainers.image.url="${REPOSITORY}" \
    org.opencontainers.image.documentation="${REPOSITORY}/blob/main/README.md" \
    org.opencontainers.image.licenses="MIT OR Apache-2.0" \
    org.opencontainers.image.vendor="tcss-exporter"
COPY --from=build /rootfs /
USER 65534:65534
EXPOSE 10058
HEALTHCHECK --interval=30s --timeout=10s --start-period=5s CMD ["/tcss-exporter", "health"]
ENTRYPOINT ["/tcss-exporter"]
