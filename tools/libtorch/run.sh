#!/usr/bin/env bash
# run.sh: our products beside libtorch's, F32 and BF16, on this machine's CPU (Linux x64, as root). Downloads libtorch (130 MB, 600 MB unpacked),
# which wants a newer C++ library than Debian 12 has: it runs in the Debian 13 folder that tools/opencl makes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
dotnet publish tools/libtorch -c Release -r linux-x64 --no-self-contained -p:Native=true -o artifacts/libtorch -v quiet --nologo
exec tools/opencl/pocl-chroot.sh run dotnet artifacts/libtorch/kosmos2-versus-libtorch.dll
