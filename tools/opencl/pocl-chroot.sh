#!/usr/bin/env bash
# An OpenCL device for machines that have none: PoCL (OpenCL on the CPU) inside a Debian 13 folder, since Debian 12's PoCL lacks the generic
# address space that ILGPU asks for.
#
#   pocl-chroot.sh setup                          makes the folder once (about 75 s, 800 MB); does nothing when it is there
#   pocl-chroot.sh run [-w FOLDER] COMMAND ...    runs a command inside; it sees the repository (read only), the .NET installation, and
#                                                 FOLDER (writable), all under their usual paths; it starts in the repository
#
# KOSMOS2_POCL names the folder (default /var/cache/kosmos2-pocl). Needs root. Everything is mounted in a mount namespace of its own, which
# ends with the command however that ends: no mount is ever seen from outside, and none can be left behind.
set -euo pipefail

folder=${KOSMOS2_POCL:-/var/cache/kosmos2-pocl}
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
suite=trixie
packages=pocl-opencl-icd,ocl-icd-libopencl1

main() {
    case ${1:-} in
        setup) setup ;;
        run) shift; run "$@" ;;
        # The two halves that run inside the namespace.
        _bootstrap) bootstrap "$2" ;;
        _enter) shift; enter "$@" ;;
        *) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
}

setup() {
    [[ $EUID == 0 ]] || { echo "pocl-chroot.sh: must run as root" >&2; exit 2; }
    mkdir -p "$(dirname "$folder")"
    exec 9>"$folder.lock"
    flock 9
    [[ ! -e $folder/.complete ]] || return 0
    if ! command -v debootstrap >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap >/dev/null
    fi
    rm -rf --one-file-system "$folder" "$folder.partial"
    echo "making $folder (Debian $suite with PoCL)"
    if ! unshare --mount --propagation private bash "${BASH_SOURCE[0]}" _bootstrap "$folder.partial" >"$folder.log" 2>&1; then
        tail -n 20 "$folder.log" >&2
        rm -rf --one-file-system "$folder.partial"
        echo "pocl-chroot.sh: debootstrap failed; the whole log is $folder.log" >&2
        exit 1
    fi
    touch "$folder.partial/.complete"
    mv "$folder.partial" "$folder"
}

bootstrap() {
    debootstrap --variant=minbase --include="$packages" "$suite" "$1" "$(mirror)"
    rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/var/lib/apt/lists/*
}

# The Debian mirror that this machine's apt uses, or Debian's own.
mirror() {
    apt-get indextargets 'Created-By: Packages' --format '$(REPO_URI)' 2>/dev/null | grep -m1 -E '/debian/?$' || echo http://deb.debian.org/debian
}

run() {
    local writable=
    [[ ${1:-} != -w ]] || { writable=$(cd "$2" && pwd); shift 2; }
    [[ $# -gt 0 ]] || { echo "pocl-chroot.sh: run what?" >&2; exit 2; }
    setup
    exec 9>&-
    unshare --mount --propagation private bash "${BASH_SOURCE[0]}" _enter "$writable" "$@"
}

enter() {
    local writable=$1 dotnet
    shift
    dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
    for system in proc sys dev; do
        mount --rbind "/$system" "$folder/$system"
    done
    bind "$dotnet"
    mount -o remount,bind,ro "$folder$dotnet"
    bind "$repository"
    mount -o remount,bind,ro "$folder$repository"
    [[ -z $writable ]] || bind "$writable"
    mkdir -p "$folder/var/cache/pocl"
    # chroot keeps the environment; what names host folders is replaced.
    exec env -u LD_LIBRARY_PATH HOME=/root TMPDIR=/tmp PATH="$dotnet:/usr/sbin:/usr/bin:/sbin:/bin" DOTNET_ROOT="$dotnet" \
        DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 POCL_CACHE_DIR=/var/cache/pocl \
        chroot "$folder" sh -c 'cd "$0" && exec "$@"' "$repository" "$@"
}

# Shows a folder of this machine inside, under the same path.
bind() {
    mkdir -p "$folder$1"
    mount --bind "$1" "$folder$1"
}

main "$@"
