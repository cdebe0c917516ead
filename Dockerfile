# The issuer as an image, and the maker of development certificates beside it. Keys, passwords and certificates are mounted
# when it runs and never built in. Other bases can be named, for example where no registry is reached.
ARG RUST=rust:1.95-slim-bookworm
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS certificates
RUN apt-get update && apt-get install -y --no-install-recommends openssl && rm -rf /var/lib/apt/lists/*
COPY scripts/dev-ca /usr/local/bin/dev-ca
ENTRYPOINT ["dev-ca"]

FROM ${RUST} AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked -p brink-issuer

FROM ${BASE} AS issuer
# A number, so that whoever mounts files knows whose they have to be.
RUN useradd --system --uid 10001 --no-log-init --home-dir /var/lib/brink --create-home --shell /usr/sbin/nologin brink
COPY --from=build /src/target/release/brink-issuer /usr/local/bin/brink-issuer
USER 10001
VOLUME /var/lib/brink
EXPOSE 8443 8543
ENTRYPOINT ["brink-issuer"]
CMD ["--help"]
