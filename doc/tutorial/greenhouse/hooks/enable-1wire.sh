#!/bin/sh
# Has the Raspberry Pi look for thermometers on its 1-Wire pin, from its next start on.
set -eu

config=/boot/firmware/config.txt
[ -e "$config" ] || exit 0
grep -qx 'dtoverlay=w1-gpio' "$config" && exit 0
echo 'dtoverlay=w1-gpio' >> "$config"
echo "$config: 1-Wire is on after the next start"
