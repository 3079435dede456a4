/**
 * The fuse itself: a small bash, since it sleeps beside every sidecar for as long as that runs (0.44 MB; POSTGRES.md F).
 *
 * Each line on its standard input is `UNTIL GRACE RECORD`: until when nothing need be heard, in ms since the boot of the machine;
 * for how many ms after that a sidecar that is there still may speak first (one that was frozen with it, or that is closing
 * Postgres itself); and what the sidecar leaves behind if it ends now (`-`: nothing that another one goes on with). When the
 * input ends, the record is written for the next sidecar, beside the fuse's own work: a disk that hangs must not keep it from
 * burning. When the time passes, or has passed since the input ended, or at the ms after an `until`, Postgres is closed as `fence`
 * does it: SIGQUIT, and then SIGKILL child by child, the postmaster frozen meanwhile and killed last, until none is left.
 *
 * Times are looked at, not counted, so that what the machine sleeps counts and a wall clock that is set does not: bash's own
 * `read -t` goes by that, may end too early by it, and keeps of a line what it had read. Whatever is in the pipe is read before
 * anything is burnt: a fuse that was late itself hears first that its sidecar lives. One that hears so while it burns stops:
 * the next Postgres is started only after that was said.
 */
const FUSE_SCRIPT = `
data=$1 departure=$2 until=$3 grace=$4 record=$5
gone= part= now=0 slice=0
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
speaks() { [[ -z $gone ]] && read -r -t 0; }
told() {
  local at
  TZ=UTC printf -v at '%(%Y-%m-%dT%H:%M:%S)T'
  printf '{"level":"warn","time":"%s.%.3sZ","mark":"fuse_burnt","msg":"%s: Postgres in %s is closed by its fuse"}\\n' \\
    "$at" "\${EPOCHREALTIME#*[.,]}" "$1" "$data" >&2
}
# Returns if the sidecar speaks meanwhile.
burn() {
  list
  (( \${#all[@]} )) || exit 0
  speaks && return
  told "$1"
  hit QUIT "\${roots[@]}"
  for _ in {1..5}; do speaks && return; nap 0.02; done
  for _ in {1..500}; do
    list
    (( \${#all[@]} )) || exit 0
    speaks && return
    hit STOP "\${roots[@]}"
    hit KILL "\${others[@]}" "\${roots[@]}"
    nap 0.02
  done
  exit 1
}
# Uptime is told in hundredths of a second; where it cannot be read any more, what was waited is added.
look() {
  local up
  if { read -r up _ < /proc/uptime; } 2>/dev/null && [[ $up == *.?? ]]; then now=$(( 10#\${up/./}0 )); else (( now += slice )); fi
}
burn_at() {
  gone=1 slice=20
  while look; (( now < $1 )); do nap 0.02; done
  burn "$2"
}
while :; do
  look
  slice=$(( until - now ))
  if (( slice <= 0 )) && ! speaks; then
    if (( grace > 0 )); then
      until=$(( now + grace )) grace=0
      continue
    fi
    burn "its sidecar hangs"
  fi
  (( slice < 1000 )) || slice=1000
  (( slice > 0 )) || slice=1
  printf -v left '%d.%03d' $(( slice / 1000 )) $(( slice % 1000 ))
  IFS= read -r -t "$left" line
  heard=$?
  line=$part$line part=
  if (( heard > 128 )); then
    part=$line
    continue
  fi
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
