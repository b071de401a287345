//! `vmactl`: the other name of `vmanctl`, as the source document spells it in 3.2.1.

fn main() -> std::process::ExitCode {
    vmanctl::main()
}
