#!/usr/bin/env bash
# Tag, build, push the tag and upload: release.sh [VERSION]; without one, the date and time in UTC (2024.06.13.1530).
# DRY_RUN=1 does all but push and upload, and takes the tag away again.
set -euo pipefail
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
version=${1:-$(date -u +%Y.%m.%d.%H%M)}
tag=v$version
remote=${RELEASE_REMOTE:-origin}

die() { echo "release: $*" >&2; exit 1; }
[[ $version =~ ^[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?$ ]] || die "'$version' is not a version such as 1.2.3 or 2024.06.13.1530."
[ -z "$(git status --porcelain)" ] || die "there are changes that are not committed: commit or remove them first."
git rev-parse --quiet --verify "refs/tags/$tag" >/dev/null && die "the tag $tag exists already."
if [ -z "${DRY_RUN:-}" ]; then
  # Looked at first: a tag that was pushed cannot be taken back, and must not be left without its upload.
  git remote get-url "$remote" >/dev/null 2>&1 || die "there is no remote '$remote' to push the tag to."
  [ -f "$HOME/.pypirc" ] || [ -n "${TWINE_PASSWORD:-}" ] || die "there is neither ~/.pypirc nor TWINE_PASSWORD to upload with."
fi

dist=$(mktemp -d)
done=
clean_up() {
  rm -rf "$dist"
  # A tag that was not pushed is no release.
  [ -n "$done" ] || git tag --delete "$tag" >/dev/null
}
echo "==> Tagging $tag"
git tag --annotate --message "Release $version" "$tag"
trap clean_up EXIT

echo "==> Building"
.uv/bin/uv build --quiet --out-dir "$dist"
# What the tag says and what was built must be one version; PEP 440 drops leading zeros (2024.06 is 2024.6).
plain=$(.venv/bin/python -c 'import sys; from packaging.version import Version; print(Version(sys.argv[1]))' "$version")
[ -f "$dist/django_unicom-$plain-py3-none-any.whl" ] || die "the build is not version $plain: $(cd "$dist" && echo *)"
.venv/bin/twine check --strict "$dist"/*

if [ -n "${DRY_RUN:-}" ]; then
  echo "==> Dry run: $tag is neither pushed nor uploaded, and is taken away again. Built: $(cd "$dist" && echo *)"
  exit 0
fi
echo "==> Pushing $tag to $remote"
git push --quiet "$remote" "refs/tags/$tag"
done=1
echo "==> Uploading"
.venv/bin/twine upload --non-interactive "$dist"/*
echo "==> Released $version"
