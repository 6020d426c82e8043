#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
if [ "$1" = purge ]; then
    rm -rf /etc/tcss-exporter
    userdel tcss-exporter 2>/dev/null || true
fi
