#!/bin/sh
# $1: 0 at the removal, 1 at an upgrade.
if [ "$1" = 0 ] && [ -d /run/systemd/system ]; then
    systemctl --quiet disable --now tcss-exporter.service tcss-exporter.socket
fi
exit 0
