#!/usr/bin/env bash
# Prints the changelog's section of a version, such as v0.2.0; fails where there is none, or package.json has another.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(node -p "require('./package.json').version")
if [[ "$1" != "v$version" ]]; then
  echo "The tag is $1, and the version in package.json is $version" >&2
  exit 1
fi
notes=$(awk -v head="## [$version]" 'index($0, head) == 1 {on = 1; next} /^## \[/ {on = 0} on' CHANGELOG.md)
if [[ -z "${notes//[[:space:]]/}" ]]; then
  echo "CHANGELOG.md has nothing under ## [$version]" >&2
  exit 1
fi
printf '%s\n' "$notes"
