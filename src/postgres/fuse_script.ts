/**
 * The fuse itself: a small bash, since it sleeps beside every sidecar for as long as that runs (0.44 MB; POSTGRES.md F).
 *
 * Each line on its standard input is `UNTIL GRACE RECORD`: until when nothing need be heard, in ms since the boot of the machine;
 * for how many seconds after that a sidecar that is there still may speak first (one that was frozen with it: a lease does not wait
 * for that); and what the sidecar leaves behind if it ends now (`-`: nothing that another one goes on with). A line that was read
 * late puts nothing off. When the input ends, the record is written for the next sidecar, beside the fuse's own work: a disk that hangs must not
 * keep it from burning. When the time passes, or has passed since the input ended, or at the ms after an `until`, Postgres is
 * closed as `fence` does it: SIGQUIT, and then SIGKILL child by child, the postmaster frozen meanwhile and killed last, until
 * none is left. The times of a sidecar that is gone are not waited for but looked at: what the machine sleeps counts.
 */
const FUSE_SCRIPT = `
data=$1 departure=$2 until=$3 grace=$4 record=$5
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
# Uptime is told in hundredths of a second. Of a sidecar that is there the time is over rather early than late.
rest() {
  local up ms
  read -r up _ < /proc/uptime
  ms=$(( until - 10#\${up/./}0 - 10 ))
  (( ms > 0 )) || ms=1
  printf -v left '%d.%03d' $(( ms / 1000 )) $(( ms % 1000 ))
}
burn_at() {
  while read -r up _ < /proc/uptime && (( 10#\${up/./}0 < $1 )); do nap 0.02; done
  burn "$2"
}
while :; do
  rest
  read -r -t "$left" line
  heard=$?
  if (( heard > 128 )) && [[ $grace != 0 ]]; then read -r -t "$grace" line; heard=$?; fi
  (( heard > 128 )) && burn "its sidecar hangs"
  if (( heard != 0 )); then
    # The end of the line says that it is whole.
    [[ $record != - ]] && { printf '%s\\n' "$record" > "$departure"; } 2>/dev/null &
    burn_at "$until" "its sidecar is gone"
  fi
  [[ $line == off ]] && exit 0
  [[ $line == "until "* ]] && burn_at "\${line#until }" "its sidecar did not come back"
  until=\${line%% *} line=\${line#* }
  grace=\${line%% *} record=\${line#* }
done
`;

/**
 * What a bash is started with, before its directory, where it writes, and its first line. Nothing else runs before the script:
 * neither BASH_ENV (`-p`) nor ~/.bashrc, since a pipe of Node's is a socket, and a bash with a socket for its input takes itself
 * for a remote one.
 */
export const FUSE_ARGUMENTS: readonly string[] = ["--norc", "-p", "-c", FUSE_SCRIPT, "quorate-fuse"];
