//! The life of partitions on the simulated board, with Debian's unmodified arm64 kernel: through vmanctl, then
//! through the C ABI, and at the end a board with several partitions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::DemoArgs;
use super::daemon::Daemon;
use super::device_tree;
use super::transcript::Transcript;
use super::vmanctl::{Step, Vmanctl};
use crate::apt::Series;
use crate::check::cargo;
use crate::setup::{self, packages::Need};
use crate::{assets, process, workspace};

/// What the demonstration stands on.
#[derive(Debug)]
struct Stage {
    kernel: PathBuf,
    /// Its name in vmand's folder of kernels.
    kernel_name: String,
    /// Holds everything that the demonstration writes.
    dir: tempfile::TempDir,
    daemon: Daemon,
    vmanctl: Vmanctl,
}

/// Shows it.
///
/// # Errors
/// A step fails or leads to another state than it must.
pub(super) fn run(args: &DemoArgs) -> Result<()> {
    setup::ensure(&[Need::Partitions], args.yes)?;
    let kernel = kernel(args)?;
    build()?;
    let mut transcript = Transcript::new("Partitions of an ARMv8 server, on a simulated board");
    let stage = open(&mut transcript, kernel)?;
    life_by_vmanctl(&mut transcript, &stage)?;
    life_by_c(&mut transcript, &stage)?;
    board_with_partitions(&mut transcript, &stage)?;
    stage.daemon.stop()?;
    transcript.finish();
    Ok(())
}

/// The kernel as an absolute path: vmand does not run where this program does.
fn kernel(args: &DemoArgs) -> Result<PathBuf> {
    let Some(file) = &args.kernel else {
        let kernel = assets::kernel(Series::Stable);
        return Ok(kernel.context("Debian's arm64 kernel (--kernel FILE takes another)")?.image);
    };
    file.canonicalize().with_context(|| format!("Cannot find the kernel {}", file.display()))
}

fn build() -> Result<()> {
    eprintln!("  build   vmand, vmanctl, libvman");
    let mut build = cargo("build");
    build.args(["--quiet", "--package", "vmand", "--package", "vmanctl", "--package", "vman-ffi"]);
    process::run(&mut build)
}

fn built(name: &str) -> PathBuf {
    workspace::target_dir().join("debug").join(name)
}

fn open(transcript: &mut Transcript, kernel: PathBuf) -> Result<Stage> {
    introduce(transcript, &kernel)?;
    let dir = tempfile::Builder::new().prefix("aivirt-demo-").tempdir()?;
    let folder = kernel.parent().context("The kernel lies in no folder")?;
    let kernel_name =
        kernel.file_name().and_then(|name| name.to_str()).context("The kernel's name is no text")?;
    let kernel_name = kernel_name.to_owned();
    let mut started = None;
    transcript.chapter("A daemon and its command line");
    transcript.stateless_step("start vmand", |transcript| {
        transcript.command("vmand --device sim --socket vmand.sock --image-dir boot");
        started = Some(Daemon::start(&built("vmand"), dir.path(), folder)?);
        Ok(())
    })?;
    let daemon = started.context("vmand is not there")?;
    let vmanctl = Vmanctl { program: built("vmanctl"), socket: daemon.socket.clone() };
    vmanctl.run(transcript, "version")?;
    Ok(Stage { kernel, kernel_name, dir, daemon, vmanctl })
}

fn introduce(transcript: &mut Transcript, kernel: &Path) -> Result<()> {
    let size = fs::metadata(kernel).with_context(|| format!("Cannot read {}", kernel.display()))?.len();
    transcript.note(&format!("Kernel: {} ({} KiB)", kernel.display(), size / 1024));
    transcript.note(
        "The board is simulated: its firmware is the real one, its guests are scripts that read what was",
    );
    transcript.note("loaded. `cargo xtask demo board` boots the same kernel on an emulated board.");
    Ok(())
}

/// Every operation of the source document's chapter 3.2.1, spelled as it spells them.
fn life_by_vmanctl(transcript: &mut Transcript, stage: &Stage) -> Result<()> {
    transcript.chapter("The life of a partition, by vmanctl");
    let ctl = &stage.vmanctl;
    let deploy = format!("deploy -kernel {} 1", stage.kernel_name);
    let step = |name, line, expected| Step { name, line, partition: "1", expected };
    let create = "create-partition -cores 2 -memsize 1 -secure false";
    ctl.step(transcript, &step("create-partition", create, "READY"))?;
    ctl.step(transcript, &step("deploy", &deploy, "DEPLOYED"))?;
    ctl.run(transcript, "console --dump 1")?;
    the_tree(transcript, stage)?;
    ctl.step(transcript, &step("suspend", "suspend 1", "SUSPENDED"))?;
    ctl.refused(transcript, "destroy-partition 1")?;
    ctl.step(transcript, &step("restore", "restore 1", "DEPLOYED"))?;
    ctl.step(transcript, &step("reboot", "reboot 1", "DEPLOYED"))?;
    ctl.step(transcript, &step("shutdown", "shutdown 1", "READY"))?;
    ctl.step(transcript, &step("destroy-partition", "destroy-partition 1", "gone"))
}

/// No device tree was given, so vmand made one: it is read back from the partition's own memory.
fn the_tree(transcript: &mut Transcript, stage: &Stage) -> Result<()> {
    transcript.note("No device tree was given: this is the one that the partition found in its memory.");
    transcript.stateless_step("dtc accepts the tree", |transcript| {
        transcript.command("echo fdt | vmanctl console 1");
        let text = stage.vmanctl.type_into_console("1", "fdt", device_tree::END)?;
        device_tree::check(transcript, &device_tree::from_console(&text)?, stage.dir.path())
    })
}

fn life_by_c(transcript: &mut Transcript, stage: &Stage) -> Result<()> {
    transcript.chapter("The same through the C ABI");
    let program = stage.dir.path().join("life_cycle");
    let mut compiler = link_with_libvman("bindings/c/examples/life_cycle.c");
    transcript.run("cc life_cycle.c -lvman -o life_cycle", compiler.arg("-o").arg(&program))?;
    transcript.stateless_step("life cycle in C", |transcript| {
        let mut example = Command::new(&program);
        example.arg(&stage.daemon.socket).arg(&stage.kernel);
        transcript.run(&format!("./life_cycle vmand.sock {}", stage.kernel_name), &mut example).map(drop)
    })
}

/// The C compiler with libvman, linked statically: the program must run without an installed library.
pub(crate) fn link_with_libvman(source: &str) -> Command {
    let mut command = Command::new("gcc");
    command.current_dir(workspace::root()).args([
        "-std=c11",
        "-D_POSIX_C_SOURCE=200809L",
        "-Wall",
        "-Wextra",
        "-Werror",
    ]);
    command.args(["-Ibindings/c/include", source]).arg(built("libvman.a"));
    command.args(["-lpthread", "-ldl", "-lm", "-lgcc_s"]);
    command
}

/// Three partitions at once, one of them critical.
fn board_with_partitions(transcript: &mut Transcript, stage: &Stage) -> Result<()> {
    transcript.chapter("A board with partitions");
    let partitions = [
        ("web", "-cores 3 -memsize 3 -secure false -name web"),
        ("db", "-cores 2 -memsize 2 -secure false -name db"),
        ("control", "-cores 1 -memsize-mib 256 -secure true -name control"),
    ];
    for (name, resources) in partitions {
        create_and_deploy(transcript, stage, name, resources)?;
    }
    let suspend = Step { name: "suspend db", line: "suspend db", partition: "db", expected: "SUSPENDED" };
    stage.vmanctl.step(transcript, &suspend)?;
    transcript.chapter("Who has what");
    stage.vmanctl.run(transcript, "list")?;
    stage.vmanctl.run(transcript, "host")
}

fn create_and_deploy(transcript: &mut Transcript, stage: &Stage, name: &str, resources: &str) -> Result<()> {
    let steps = [
        (format!("create {name}"), format!("create-partition {resources}"), "READY"),
        (format!("deploy {name}"), format!("deploy -kernel {} {name}", stage.kernel_name), "DEPLOYED"),
    ];
    for (title, line, expected) in &steps {
        let step = Step { name: title, line, partition: name, expected };
        stage.vmanctl.step(transcript, &step)?;
    }
    Ok(())
}
