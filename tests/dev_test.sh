#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests of ./dev: sh tests/dev_test.sh. Stand-ins for dpkg-query, apt-get, id and sudo come first in PATH, in a copy
# of the script, so that nothing of the machine or the tree is touched.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

stub() { # NAME, body on stdin
  { echo '#!/bin/sh' && cat; } >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

# A fresh copy of the tree's outside, on a machine that lacks the packages in the file `lacking`.
start() {
  rm -rf "${scratch:?}/tree" "${scratch:?}/bin"
  mkdir -p "$scratch/tree" "$scratch/bin"
  cp "$here/dev" "$scratch/tree/dev"
  : >"$scratch/apt.log"
  : >"$scratch/lacking"
  stub id <<'END'
echo 0
END
  stub sudo <<'END'
echo "sudo $*" >>"$SCRATCH/apt.log"; while [ "${1#-}" != "$1" ]; do shift; done; exec "$@"
END
  stub dpkg-query <<'END'
for word in "$@"; do
  case $word in -*) ;; *) grep -qx -- "$word" "$SCRATCH/lacking" || echo "installed $word" ;; esac
done
END
  stub apt-get <<'END'
echo "apt-get $*" >>"$SCRATCH/apt.log"
[ ! -e "$SCRATCH/apt-fails" ] || { echo "E: no network"; exit 100; }
case $* in *install*) : >"$SCRATCH/lacking" ;; esac
END
  rm -f "$scratch/apt-fails"
}

run() { # ARG...: leaves output in $out and the exit code in $code
  code=0
  out=$(SCRATCH="$scratch" PATH="$scratch/bin:$PATH" "$scratch/tree/dev" "$@" 2>&1 </dev/null) || code=$?
}

expect() { # WHAT CONDITION...
  what=$1
  shift
  if ! "$@"; then
    printf 'FAILED: %s\n  exit code %s, output:\n%s\n  apt:\n%s\n' "$what" "$code" "$out" "$(cat "$scratch/apt.log")"
    failures=$((failures + 1))
  fi
}
says() { case $out in *"$1"*) ;; *) return 1 ;; esac; }
apt_saw() { grep -q -e "$1" "$scratch/apt.log"; }
apt_untouched() { [ ! -s "$scratch/apt.log" ]; }

start
run help
expect "help succeeds" [ "$code" -eq 0 ]
expect "help lists the commands" says "soak [SECONDS]"

run no-such-thing
expect "an unknown command is wrong usage" [ "$code" -eq 2 ]
expect "an unknown command is named" says "no-such-thing"

run install build test bench lint
expect "nothing missing: succeeds" [ "$code" -eq 0 ]
expect "nothing missing: says nothing" [ -z "$out" ]
expect "nothing missing: apt is left alone" apt_untouched

start
echo ninja-build >"$scratch/lacking"
run install build
expect "one missing: succeeds" [ "$code" -eq 0 ]
expect "one missing: says what, in one line" [ "$out" = "==> installing ninja-build" ]
expect "one missing: installs it and asks nothing" apt_saw "install -y --no-install-recommends ninja-build\$"
run install build
expect "the second time is quiet" [ -z "$out" ]

start
echo nginx-light >"$scratch/lacking"
run install build
expect "building needs no packages of tests" apt_untouched
run install test
expect "tests need theirs" apt_saw "nginx-light"

start
echo cmake >"$scratch/lacking"
stub id <<'END'
echo 1000
END
run install build
expect "not root: goes through sudo, which may not ask" apt_saw "^sudo -n env"
expect "not root: succeeds" [ "$code" -eq 0 ]

start
printf '%s\n' cmake clang-19 >"$scratch/lacking"
: >"$scratch/apt-fails"
run install build
expect "apt fails: exit code 1" [ "$code" -eq 1 ]
expect "apt fails: shows its reason" says "E: no network"
expect "apt fails: names what is wanted" says "install these packages: clang-19 cmake"

run install nonsense
expect "an unknown set of packages is refused" [ "$code" -eq 1 ]
expect "an unknown set of packages is named" says "'nonsense'"

run fuzz some_fuzz ten
expect "a time that is no number is refused" says "'ten' is no number"

# A pretended build, for what ./dev run makes of it.
start
cp "$here/CMakePresets.json" "$scratch/tree/"
stub cmake <<'END'
case $* in
  --preset*) echo "noise of configuring" && mkdir -p build/release && : >build/release/build.ninja ;;
  --build*) printf '#!/bin/sh\necho "started: $*"\n' >build/release/claviger && chmod +x build/release/claviger ;;
esac
END
run run --config 'two words'
expect "run configures quietly, builds, starts the demo" [ "$out" = "==> configuring (release)
==> building (release)
started: serve --demo --data-dir build/demo --config two words" ]
run run
expect "run does not configure twice" [ "$out" = "==> building (release)
started: serve --demo --data-dir build/demo" ]
stub cmake <<'END'
echo "CMake Error: it is broken" && exit 1
END
rm -r "$scratch/tree/build"
run build
expect "a configuration that fails is shown" says "it is broken"
expect "a configuration that fails fails" [ "$code" -ne 0 ]

[ "$failures" -eq 0 ] || exit 1
