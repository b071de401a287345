//! Partitions as libvirt's domains: stock virsh and libvirt-python, and what arrives at vmand.

mod console;
mod trace;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use super::DemoArgs;
use super::daemon::Daemon;
use super::transcript::Transcript;
use crate::apt::Series;
use crate::check::cargo;
use crate::libvirt::PYTHON;
use crate::libvirt::build::Built;
use crate::libvirt::layout::Layout;
use crate::libvirt::session::Session;
use crate::setup::{self, packages::Need};
use crate::{assets, process, workspace};
use trace::Trace;

const EXAMPLE: &str = "libvirt-driver/examples/life_cycle.py";

/// What the demonstration stands on.
#[derive(Debug)]
struct Stage {
    kernel: PathBuf,
    initrd: Option<PathBuf>,
    dir: tempfile::TempDir,
    /// Ours on the simulator; none if the vmand of somebody else is driven.
    vmand: Option<Daemon>,
    session: Session,
    trace: Trace,
}

/// Shows it.
///
/// # Errors
/// A step fails or leads to another state than it must.
pub(super) fn run(args: &DemoArgs) -> Result<()> {
    setup::ensure(&[Need::Libvirt, Need::LibvirtTests], args.yes)?;
    let kernel = match &args.kernel {
        Some(file) => found(file)?,
        None => assets::kernel(Series::Stable)?.image,
    };
    let initrd = args.initrd.as_deref().map(found).transpose()?;
    let built = Built::new(Layout::system())?;
    process::run(cargo("build").args(["--quiet", "--package", "vmand"]))?;
    let mut transcript =
        Transcript::new("Partitions as libvirt's domains, through the distribution's own clients");
    // virtvmand runs in a folder of its own.
    let vmand = args.vmand.as_deref().map(std::path::absolute).transpose()?;
    let mut stage = open(&built, kernel, initrd, vmand.as_deref())?;
    let events = follow_events(&stage)?;
    look_around(&mut transcript, &mut stage)?;
    persistent(&mut transcript, &mut stage)?;
    transient(&mut transcript, &mut stage)?;
    from_python(&mut transcript, &mut stage)?;
    show_events(&mut transcript, events)?;
    stage.trace.show(&mut transcript);
    stage.session.stop()?;
    stage.vmand.map(Daemon::stop).transpose()?;
    transcript.finish();
    Ok(())
}

fn found(file: &Path) -> Result<PathBuf> {
    file.canonicalize().with_context(|| format!("Cannot find {}", file.display()))
}

fn open(built: &Built, kernel: PathBuf, initrd: Option<PathBuf>, vmand: Option<&Path>) -> Result<Stage> {
    let dir = tempfile::Builder::new().prefix("aivirt-demo-").tempdir()?;
    let own = match vmand {
        Some(_) => None,
        None => Some(simulated(dir.path())?),
    };
    let socket = vmand.map_or_else(|| dir.path().join("vmand.sock"), Path::to_path_buf);
    let session = Session::start(built, dir.path(), &socket)?;
    Ok(Stage { kernel, initrd, dir, vmand: own, session, trace: Trace::default() })
}

/// vmand on the simulated board, with a log that programs read.
fn simulated(dir: &Path) -> Result<Daemon> {
    let socket = dir.join("vmand.sock");
    let mut command = Command::new(workspace::target_dir().join("debug/vmand"));
    command.args(["--device", "sim", "--log-format", "json", "--socket"]).arg(&socket);
    command.arg("--image-store").arg(dir.join("images"));
    Daemon::spawn("vmand", command, socket, dir.join("vmand.log"))
}

impl Stage {
    /// Runs `virsh LINE`, shows it and what it prints, and notes which commands vmand got meanwhile.
    fn virsh(&mut self, transcript: &mut Transcript, line: &str) -> Result<String> {
        let mut command = Command::new("virsh");
        command.env("LC_ALL", "C").args(["-c", &self.session.uri]).args(line.split(' '));
        transcript.command(&format!("virsh {}", self.readable(line)));
        let text = process::read(&mut command)?;
        transcript.output(&self.readable(&text));
        self.trace.note(line.split(' ').next().unwrap_or_default(), &self.vmand_log());
        Ok(text)
    }

    /// One step of a domain's life, with the state that it leads to.
    fn step(&mut self, transcript: &mut Transcript, line: &str, domain: &str, state: &str) -> Result<()> {
        let name = line.split(' ').next().unwrap_or_default().to_owned();
        let uri = self.session.uri.clone();
        transcript.step(
            &name,
            |transcript| self.virsh(transcript, line).map(drop),
            || expect(&state_of(&uri, domain), state),
        )
    }

    fn vmand_log(&self) -> String {
        self.vmand.as_ref().map(Daemon::log_text).unwrap_or_default()
    }

    /// Paths of the temporary folder are of no interest to the reader.
    fn readable(&self, line: &str) -> String {
        line.replace(&format!("{}/", self.dir.path().display()), "")
    }

    fn write_xml(&self, name: &str) -> Result<String> {
        let file = self.dir.path().join(format!("{name}.xml"));
        fs::write(&file, xml(name, &self.kernel, self.initrd.as_deref()))?;
        Ok(file.display().to_string())
    }
}

fn expect(found: &str, expected: &str) -> Result<String> {
    anyhow::ensure!(found == expected, "It is {found}, not {expected}");
    Ok(found.to_owned())
}

/// libvirt's word, or `gone` when it knows no such domain.
fn state_of(uri: &str, domain: &str) -> String {
    let mut virsh = Command::new("virsh");
    virsh.env("LC_ALL", "C").args(["-q", "-c", uri, "domstate", domain]);
    process::read(&mut virsh).map_or_else(|_| "gone".to_owned(), |text| text.trim().to_owned())
}

fn xml(name: &str, kernel: &Path, initrd: Option<&Path>) -> String {
    let initrd = initrd.map(|file| format!("    <initrd>{}</initrd>\n", file.display())).unwrap_or_default();
    format!(
        "<domain type='vman'>\n  <name>{name}</name>\n  <memory unit='MiB'>256</memory>\n  <vcpu>2</vcpu>\n  \
         <os>\n    <type>hvm</type>\n    <kernel>{}</kernel>\n{initrd}    <cmdline>console=ttyAMA0</cmdline>\n  </os>\n  \
         <devices>\n    <console type='pty'/>\n  </devices>\n</domain>\n",
        kernel.display()
    )
}

fn look_around(transcript: &mut Transcript, stage: &mut Stage) -> Result<()> {
    transcript.chapter("The board, as libvirt shows it");
    for line in ["version", "nodeinfo", "capabilities"] {
        stage.virsh(transcript, line)?;
    }
    Ok(())
}

fn persistent(transcript: &mut Transcript, stage: &mut Stage) -> Result<()> {
    transcript.chapter("The life of a persistent domain");
    let file = stage.write_xml("web")?;
    transcript.output(&xml(
        "web",
        Path::new("Image"),
        stage.initrd.as_ref().map(|_| Path::new("initrd.img")),
    ));
    stage.step(transcript, &format!("define {file}"), "web", "shut off")?;
    stage.step(transcript, "start web", "web", "running")?;
    stage.virsh(transcript, "list --all")?;
    stage.virsh(transcript, "dominfo web")?;
    transcript.stateless_step("console", |transcript| {
        transcript.command("virsh console web");
        transcript.output(&console::dialogue(&stage.session.uri, "web")?);
        Ok(())
    })?;
    stage.trace.note("console", &stage.vmand_log());
    stage.step(transcript, "suspend web", "web", "paused")?;
    stage.step(transcript, "resume web", "web", "running")?;
    stage.step(transcript, "reboot web", "web", "running")?;
    stage.virsh(transcript, "domstats web --state --vcpu --balloon")?;
    stage.virsh(transcript, "vcpuinfo web")?;
    stage.virsh(transcript, "dumpxml web")?;
    stage.step(transcript, "shutdown web", "web", "shut off")?;
    stage.step(transcript, "start web", "web", "running")?;
    stage.step(transcript, "destroy web", "web", "shut off")?;
    stage.step(transcript, "undefine web", "web", "gone")
}

fn transient(transcript: &mut Transcript, stage: &mut Stage) -> Result<()> {
    transcript.chapter("A transient domain gives its partition back when it stops");
    let file = stage.write_xml("passing")?;
    stage.step(transcript, &format!("create {file}"), "passing", "running")?;
    stage.step(transcript, "destroy passing", "passing", "gone")
}

fn from_python(transcript: &mut Transcript, stage: &mut Stage) -> Result<()> {
    transcript.chapter("The same from Python");
    transcript.stateless_step("libvirt-python", |transcript| {
        let mut python = Command::new(PYTHON);
        python.current_dir(workspace::root()).arg(EXAMPLE).arg(&stage.session.uri).arg(&stage.kernel);
        transcript.run("python3 life_cycle.py 'vman:///system' Image", &mut python).map(drop)
    })?;
    stage.trace.note("life_cycle.py", &stage.vmand_log());
    Ok(())
}

/// `virsh event` beside all that is done.
fn follow_events(stage: &Stage) -> Result<(Child, PathBuf)> {
    let file = stage.dir.path().join("events");
    let mut command = Command::new("virsh");
    command.env("LC_ALL", "C").args(["-c", &stage.session.uri, "event", "--all", "--loop"]);
    // virsh writes through a buffer that only a terminal or its end empties.
    let mut unbuffered = Command::new("stdbuf");
    unbuffered.arg("--output=L").arg(command.get_program()).args(command.get_args()).env("LC_ALL", "C");
    unbuffered.stdin(Stdio::null()).stdout(fs::File::create(&file)?).stderr(Stdio::null());
    Ok((unbuffered.spawn().context("Cannot follow events")?, file))
}

fn show_events(transcript: &mut Transcript, (mut virsh, file): (Child, PathBuf)) -> Result<()> {
    transcript.chapter("The events that another client saw meanwhile");
    transcript.command("virsh event --all --loop");
    // It ends only by a signal.
    virsh.kill()?;
    virsh.wait()?;
    let text = fs::read_to_string(file)?;
    anyhow::ensure!(text.contains("Undefined"), "virsh saw no events:\n{text}");
    transcript.output(&text);
    Ok(())
}
