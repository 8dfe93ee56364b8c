# The Debian packages that building and testing need; sourced by quickstart.sh and run.sh.
BUILD_PACKAGES=(cmake ninja-build g++ pkg-config libcurl4-openssl-dev libssl-dev libcpp-httplib-dev libyaml-cpp-dev
  libspdlog-dev libfmt-dev libsqlite3-dev zlib1g-dev nlohmann-json3-dev libcli11-dev libre2-dev libcctz-dev libmimalloc-dev doctest-dev ca-certificates tzdata)
FULL_PACKAGES=(clang clang-tidy libclang-rt-14-dev)

# Installs those of its arguments that are not there yet; quiet, and nothing at all when none is missing.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
  done
  [ "${#missing[@]}" -eq 0 ] && return 0
  local root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  printf 'Installing %s\n' "${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq >/dev/null &&
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}
