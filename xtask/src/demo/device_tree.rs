//! The device tree that a guest of the simulated board found in its memory, checked by dtc.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::transcript::Transcript;

/// Nodes that fit into a line of 80 columns.
const NODES_PER_LINE: usize = 4;

/// Line before the tree in base64.
const BEGIN: &str = "-----BEGIN DEVICE TREE-----";
/// Line behind it.
pub const END: &str = "-----END DEVICE TREE-----";

/// Takes the tree out of what the console printed.
///
/// # Errors
/// The marks are missing, or there is no base64 between them.
pub fn from_console(text: &str) -> Result<Vec<u8>> {
    let (_, rest) = text.split_once(BEGIN).context("The console shows no device tree")?;
    let (armoured, _) = rest.split_once(END).context("The device tree on the console has no end")?;
    let base64: String = armoured.split_whitespace().collect();
    STANDARD.decode(base64).context("The device tree on the console is no base64")
}

/// Writes the tree to a file in `dir`, lets dtc read it back, and shows its outline. dtc must not warn.
///
/// # Errors
/// dtc refuses the tree or warns.
pub fn check(transcript: &mut Transcript, blob: &[u8], dir: &Path) -> Result<()> {
    let file = dir.join("partition.dtb");
    fs::write(&file, blob).with_context(|| format!("Cannot write {}", file.display()))?;
    transcript.command("dtc -I dtb -O dts partition.dtb");
    let output =
        Command::new("dtc").args(["-I", "dtb", "-O", "dts"]).arg(&file).output().context("Cannot run dtc")?;
    let complaints = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !complaints.is_empty() {
        bail!("dtc does not accept the device tree ({}):\n{complaints}", output.status);
    }
    transcript.output(&outline(&String::from_utf8_lossy(&output.stdout)));
    transcript.note(&format!("accepted without a warning: {} bytes", blob.len()));
    Ok(())
}

/// The nodes of the root and of the CPUs, and the kernel's command line.
fn outline(source: &str) -> String {
    let is_node = |line: &&str| line.ends_with('{') && line.starts_with('\t');
    let depth = |line: &str| line.chars().take_while(|c| *c == '\t').count();
    let names = |wanted: usize| {
        let nodes = source.lines().filter(is_node).filter(move |line| depth(line) == wanted);
        nodes.map(|line| line.trim().trim_end_matches(" {").to_owned()).collect::<Vec<_>>()
    };
    let cpus: Vec<_> = names(2).into_iter().filter(|name| name.contains("cpu@")).collect();
    let bootargs = source.lines().find_map(|line| line.trim().strip_prefix("bootargs = "));
    let nodes: Vec<_> = names(1).chunks(NODES_PER_LINE).map(|nodes| nodes.join("  ")).collect();
    format!(
        "/ {{ {} }}\ncpus {{ {} }}\nbootargs = {}",
        nodes.join("\n    "),
        cpus.join("  "),
        bootargs.unwrap_or("(none)")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_found_between_its_marks() {
        let text = format!("noise\r\n{BEGIN}\r\n0A3+\r\n7Q==\r\n{END}\r\nmore");
        assert_eq!(from_console(&text).unwrap(), [0xd0, 0x0d, 0xfe, 0xed]);
        assert!(from_console("noise").is_err());
        assert!(from_console(&format!("{BEGIN}\n0A3+")).is_err());
        assert!(from_console(&format!("{BEGIN}\n!\n{END}")).is_err());
    }

    #[test]
    fn the_outline_names_the_nodes_of_the_root() {
        let source = "/dts-v1/;\n\n/ {\n\tmodel = \"x\";\n\n\tchosen {\n\t\tbootargs = \"quiet\";\n\t};\n\n\tcpus {\n\
                      \n\t\tcpu@1 {\n\t\t};\n\t};\n};\n";
        assert_eq!(outline(source), "/ { chosen  cpus }\ncpus { cpu@1 }\nbootargs = \"quiet\";");
    }
}
