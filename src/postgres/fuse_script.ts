/**
 * The fuse itself: a small bash, since it sleeps beside every sidecar for as long as that runs (0.44 MB; POSTGRES.md F).
 *
 * Each line on its standard input says for how many seconds nothing need be heard. When that time passes, or has passed
 * since the input ended, or when the machine has been up for the ms after an `until`, Postgres is closed as `fence` does it: SIGQUIT, and then SIGKILL child by child, the
 * postmaster frozen meanwhile and killed last, until none is left.
 */
export const FUSE_SCRIPT = `
data=$1 left=$2
exec 3<> <(:)
nap() { read -r -t "$1" -u 3 _; }
list() {
  all=() roots=() others=()
  local path name parent
  declare -A parents=()
  for path in /proc/[0-9]*; do
    [[ $path/cwd -ef $data ]] || continue
    { read -r name < "$path/comm" && read -r _ _ _ parent _ < "$path/stat"; } 2>/dev/null || continue
    [[ $name == postgres ]] && parents[\${path#/proc/}]=$parent
  done
  all=("\${!parents[@]}")
  for path in "\${all[@]}"; do
    if [[ -n \${parents[\${parents[$path]}]:-} ]]; then others+=("$path"); else roots+=("$path"); fi
  done
}
hit() {
  local name=$1
  shift
  for pid; do kill -"$name" "$pid" 2>/dev/null; done
}
burn() {
  list
  (( \${#all[@]} )) || exit 0
  printf '{"level":"warn","mark":"fuse_burnt","msg":"%s: Postgres in %s is closed by its fuse"}\\n' "$1" "$data" >&2
  hit QUIT "\${roots[@]}"
  for _ in {1..5}; do nap 0.02; done
  for _ in {1..500}; do
    list
    (( \${#all[@]} )) || exit 0
    hit STOP "\${roots[@]}"
    hit KILL "\${others[@]}" "\${roots[@]}"
    nap 0.02
  done
  exit 1
}
while :; do
  read -r -t "$left" line
  heard=$?
  # Thawed together with its sidecar, it lets that one speak first.
  if (( heard > 128 )); then read -r -t 0.5 line; heard=$?; fi
  (( heard > 128 )) && burn "its sidecar hangs"
  if (( heard != 0 )); then nap "$left"; burn "its sidecar is gone"; fi
  [[ $line == off ]] && exit 0
  if [[ $line == "until "* ]]; then
    # Not a time to wait: what the machine sleeps counts. Uptime is told in hundredths of a second.
    while read -r up _ < /proc/uptime && (( 10#\${up/./}0 < \${line#until } )); do nap 0.02; done
    burn "its sidecar did not come back"
  fi
  left=$line
done
`;
