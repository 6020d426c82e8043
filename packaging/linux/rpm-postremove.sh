#!/bin/sh
[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if [ "$1" = 1 ]; then
    systemctl try-restart tcss-exporter.service
fi
exit 0
