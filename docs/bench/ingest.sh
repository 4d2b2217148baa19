#!/bin/sh
# Readings a second from PUBLISH to PUBACK at QoS 1, through the embedded broker, the intake and the
# journal with its fsync, over 1, 10 and 100 connections; the publishers run on the same machine. More
# arguments go to go test: docs/bench/ingest.sh -benchtime 10s -count 3
# The journal lies where TMPDIR says: name a folder on the disk that you want to know about (the
# figures of a memory disk, as /tmp is on some systems, say nothing).
set -eu
cd "$(dirname "$0")/../.."
CGO_ENABLED=0 exec go test -run '^$' -bench '^BenchmarkIngest$' -benchmem "$@" ./cmd/internal/e2e
