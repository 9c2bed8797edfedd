#!/usr/bin/env bash
# Train configs in pairs from the same seeds, then score each; what is done is skipped, what was interrupted goes on.
#   benchmarks/run_pairs.sh OUT "CONFIG CONFIG …" "SEED SEED …" [hardpix fit arguments …]
# Several of these may share OUT: each run is taken by one of them.
set -euo pipefail
out=$1 configs=$2 seeds=$3
shift 3
mkdir -p "$out"
for seed in $seeds; do
    for config in $configs; do
        run=$out/$(basename "$config" .yaml)_$seed
        (
            flock --nonblock 9 || exit 0
            [ -e "$run/scores.json" ] && exit 0
            if [ -e "$run/checkpoints/last.ckpt" ]; then
                hardpix fit --run "$run" --resume
            else
                rm -rf "$run"
                hardpix fit --config "$config" --run "$run" --seed "$seed" "$@"
            fi
            hardpix test --run "$run" --checkpoint last
        ) 9>"$run.lock"
    done
done
