//! `vmanctl`.

fn main() -> std::process::ExitCode {
    vmanctl::main()
}
