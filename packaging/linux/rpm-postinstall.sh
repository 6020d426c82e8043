#!/bin/sh
# $1: 1 at the installation, 2 at an upgrade.
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$1" = 1 ]; then
    systemctl --quiet preset tcss-exporter.service
fi
exit 0
