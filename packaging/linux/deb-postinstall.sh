#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ -z "$2" ]; then
    systemctl enable --quiet tcss-exporter.service
    systemctl start tcss-exporter.service || true
elif systemctl is-active --quiet tcss-exporter.service; then
    systemctl restart tcss-exporter.service || true
fi
