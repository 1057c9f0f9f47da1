#!/bin/sh
# Runs a program in a root folder that has all of this machine's, and what the folder has already:
#   unshare --mount sh root.sh FOLDER PROGRAM ARGUMENT...
# Gateways read certificates from /certs, and find each other by names of a cluster.
set -e
folder=$1
shift
for path in /*; do
  [ -e "$folder$path" ] && continue
  if [ -L "$path" ]; then
    ln -s "$(readlink "$path")" "$folder$path"
  elif [ -d "$path" ]; then
    mkdir "$folder$path"
    mount --rbind "$path" "$folder$path"
  fi
done
mount --bind "$folder/hosts" "$folder/etc/hosts"
exec chroot "$folder" "$@"
