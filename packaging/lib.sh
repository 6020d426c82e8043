# shellcheck shell=bash
# Shared by the scripts of this folder: paths, version and revision. Needs nothing but Git, and not even that if
# TCSS_EXPORTER_REVISION and SOURCE_DATE_EPOCH are set.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034
work=$root/target/packaging
# shellcheck disable=SC2034
dist=$root/dist

cargo_toml() { # KEY
    sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$root/Cargo.toml" | head -n 1
}

version=$(cargo_toml version)
# https://github.com/OWNER/NAME
repository=$(cargo_toml repository)
export TCSS_EXPORTER_REVISION=${TCSS_EXPORTER_REVISION:-$(git -C "$root" rev-parse HEAD)}
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export version repository LC_ALL=C.UTF-8 TZ=UTC
umask 022

die() {
    echo "$*" >&2
    exit 1
}

triple() { # amd64 | arm64
    case $1 in
    amd64) echo x86_64-unknown-linux-gnu ;;
    arm64) echo aarch64-unknown-linux-gnu ;;
    *) die "unknown architecture $1, expected amd64 or arm64" ;;
    esac
}

# Runs apt-get as root.
apt() { # ARGUMENT...
    local sudo=()
    [ "$(id -u)" -eq 0 ] || sudo=(sudo)
    DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get -qq -o Dpkg::Use-Pty=0 "$@"
}

# Installs Debian packages that are missing.
need() { # PACKAGE...
    local missing=() package
    for package in "$@"; do
        dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    apt update && apt install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# A tar archive of FOLDERS in the current directory with the same bytes every time.
archive() { # FILE FOLDER...
    local file=$1
    shift
    tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -c "$@" |
        gzip -n -9 >"$file"
}
