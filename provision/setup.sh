#!/bin/sh
# The part of `make setup` that must work before there are npm packages.
set -eu
cd "$(dirname "$0")/.."

if ! node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null; then
  echo "error: Node.js 20.19 or newer is needed" >&2
  echo "hint: install it: https://nodejs.org/en/download" >&2
  exit 1
fi

# The copy of the lock file in node_modules tells which packages are installed.
if ! cmp -s package-lock.json node_modules/.installed-package-lock.json; then
  echo "installing npm packages" >&2
  # No package runs a program of its own here: what the tools need is in them.
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2
  node run --compile
  cp package-lock.json node_modules/.installed-package-lock.json
fi

[ "${1:-}" = packages ] || exec node run setup
