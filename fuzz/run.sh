#!/bin/sh
# fuzz/run.sh [SECONDS] [TARGET...]: builds the targets with coverage counters and drives each for SECONDS (10).
#
# Needs the stable toolchain and a C++ compiler; no nightly, no cargo-fuzz: libFuzzer comes with the crate
# libfuzzer-sys, the counters from LLVM's own pass. No address sanitizer: the code that is fuzzed has no unsafe block.
# Seeds are in fuzz/seeds; what is found goes to the target directory, a crash as crash-* with the command that
# replays it. Ends with 1 if a promise was broken.
set -eu

seconds=${1:-10}
[ $# -gt 0 ] && shift
here=$(cd "$(dirname "$0")" && pwd)
targets=${*:-frame command image device_tree smc state rest weights training}
build=${CARGO_TARGET_DIR:-$here/target}/fuzz
triple=$(rustc -vV | sed -n 's/^host: //p')

# Names of options are LLVM's: SanitizerCoverage of edges by counters, compared values by call-backs.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
export RUSTFLAGS

# With a target named, build scripts and macros are not instrumented.
cargo build --quiet --release --manifest-path "$here/Cargo.toml" --target-dir "$build" --target "$triple" \
    --features libfuzzer

failed=0
for target in $targets; do
    corpus=$build/corpus/$target
    mkdir -p "$corpus" "$build/crashes"
    log=$build/$target.log
    if "$build/$triple/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$target-" "$corpus" "$here/seeds/$target" >"$log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        cover=$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
        echo "fuzz $target: ok, $runs executions in $seconds s, $cover edges covered"
    else
        echo "fuzz $target: BROKEN, see $log"
        tail -n 30 "$log"
        failed=1
    fi
done
exit $failed
