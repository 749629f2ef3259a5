#!/bin/sh
# usage: deps.sh GROUP...   (build, test, fuzz, lint, demo, bench)
#
# Installs the Debian packages of these groups that are missing, and starts none of their daemons.
# If all are there it asks no network and no root.
set -eu

packages()
{
	case $1 in
	build) echo gcc libc6-dev make libssl-dev liblmdb-dev libyaml-dev zlib1g-dev \
		libgsasl-dev libidn2-dev libcurl4-openssl-dev libjansson-dev ;;
	test) echo libcmocka-dev python3 python3-pytest openssl ;;
	fuzz) echo clang libclang-rt-dev python3 ;;
	lint) echo clang clang-format clang-tidy python3 ;;
	demo) echo python3 openssl ;;
	bench) echo isync python3 openssl strace ;;
	*)
		echo "deps.sh: no group '$1'" >&2
		exit 64
		;;
	esac
}

wanted=
for group; do
	wanted="$wanted $(packages "$group")"
done

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps.sh: this is no Debian: see yourself that what these packages hold is there:" >&2
	echo "	$wanted" >&2
	exit 0
fi

is_installed()
{
	dpkg-query -W -f='${Status}\n' "$1" 2>/dev/null | grep -q '^install ok installed$'
}

missing=
for package in $wanted; do
	is_installed "$package" || case " $missing " in
	*" $package "*) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps.sh: not root, and no sudo. Install:$missing" >&2
		exit 1
	fi
	as_root=sudo
fi

# Packages ask this file whether they may start their daemons.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '$as_root rm -f $policy' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as_root tee $policy >/dev/null
	$as_root chmod 755 $policy
fi

install_missing()
{
	$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

echo "installing:$missing"
# The lists of packages may be missing, or too old to fetch what they name.
ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 && install_missing && exit 0
$as_root apt-get update -q
install_missing
