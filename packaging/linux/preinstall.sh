#!/bin/sh
# Before the files are unpacked, some of which belong to the group.
set -e
if ! getent passwd tcss-exporter >/dev/null; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin tcss-exporter
fi
