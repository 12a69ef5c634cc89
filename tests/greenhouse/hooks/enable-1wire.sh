#!/bin/sh
# Enables thermometers on the Raspberry Pi's 1-Wire pin, from the next boot on.
set -eu

config=/boot/firmware/config.txt
[ -e "$config" ] || exit 0
grep -qx 'dtoverlay=w1-gpio' "$config" && exit 0
echo 'dtoverlay=w1-gpio' >> "$config"
echo "$config: 1-Wire will be enabled after the next boot"
