//! The commands.

mod console;
mod events;
mod image;
mod link;
mod operate;
mod show;
mod top;

use std::io::Write;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use serde::Serialize;
use vman_core::command::Command;

use crate::args::{Action, Cli, Global, ImageAction};
use crate::error::Failure;
use crate::output::Look;
use crate::target::{self, DeviceName, Target};
use crate::{Streams, generate, wants_color};

/// Everything that a command needs.
struct Context<'a> {
    target: Box<dyn Target>,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    look: Look,
    json: bool,
    out_is_terminal: bool,
    err_is_terminal: bool,
    out_fd: Option<BorrowedFd<'a>>,
    timeout: Option<Duration>,
    program: &'static str,
}

impl Context<'_> {
    /// Prints the `return` object as it came, or what `text` makes of it.
    fn show<R: serde::de::DeserializeOwned>(
        &mut self,
        command: &Command,
        text: impl FnOnce(&R, Look) -> String,
    ) -> Result<(), Failure> {
        let reply = self.target.call(command)?;
        if self.json {
            return Ok(writeln!(self.out, "{reply}")?);
        }
        Ok(write!(self.out, "{}", text(&target::read(&reply)?, self.look))?)
    }

    /// Prints one object on a line of its own.
    fn json_line(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_string(value).map_err(|error| Failure::Output(error.into()))?;
        writeln!(self.out, "{line}")?;
        Ok(self.out.flush()?)
    }
}

/// Carries out a command line.
pub(crate) fn run(cli: Cli, streams: &mut Streams<'_>, program: &'static str) -> Result<(), Failure> {
    if let Action::Completions { shell } = cli.action {
        return Ok(streams.out.write_all(&generate::completions(program, shell))?);
    }
    if let Action::Man { directory } = &cli.action {
        return generate::man(program, directory);
    }
    let look = Look { color: wants_color(cli.global.color, streams.out_is_terminal), width: streams.width };
    announce(&cli.global, streams, program)?;
    let mut context = Context {
        target: target::choose(&cli.global, answer_timeout(&cli.action, &cli.global))?,
        out: streams.out,
        err: streams.err,
        look,
        json: cli.global.json,
        out_is_terminal: streams.out_is_terminal,
        err_is_terminal: streams.err_is_terminal,
        out_fd: streams.out_fd,
        timeout: cli.global.timeout,
        program,
    };
    dispatch(cli.action, &mut context)
}

/// Nobody shall take a simulated board for a real one, or wonder where its partitions have gone.
fn announce(global: &Global, streams: &mut Streams<'_>, program: &str) -> Result<(), Failure> {
    if global.device == Some(DeviceName::Sim) && !global.json {
        writeln!(streams.err, "{program}: this board is simulated, and gone when the command ends")?;
    }
    Ok(())
}

fn dispatch(action: Action, context: &mut Context<'_>) -> Result<(), Failure> {
    match action {
        Action::CreatePartition(args) => operate::create(args, context),
        Action::Deploy(args) => operate::deploy(args, context),
        Action::DestroyPartition(args) => operate::destroy(&args, context),
        Action::Reboot(args) => operate::reboot(&args, context),
        Action::Shutdown(args) => operate::shutdown(&args, context),
        Action::Suspend(args) => operate::suspend(&args, context),
        Action::Restore(args) => operate::restore(&args, context),
        Action::List => show::list(context),
        Action::Info(args) => show::info(&args, context),
        Action::Host => show::host(context),
        Action::Stats(args) => show::stats(&args, context),
        Action::CreateLink(args) => link::create(&args, context),
        Action::Links => link::list(context),
        Action::Version => show::version(context),
        Action::Events(args) => events::events(&args, context),
        Action::Console(args) => console::console(&args, context),
        Action::Top(args) => top::top(&args, context),
        Action::Image { action: ImageAction::Put { file } } => image::put(&file, context),
        Action::Image { action: ImageAction::List } => image::list(context),
        Action::Image { action: ImageAction::Delete { image } } => image::delete(&image, context),
        // They need no target and were answered before.
        Action::Completions { .. } | Action::Man { .. } => Ok(()),
    }
}

/// How long to wait for an answer: shutdown tells vmand how long it may take, and the answer comes after that.
fn answer_timeout(action: &Action, global: &Global) -> Option<Duration> {
    const GRACE: Duration = Duration::from_secs(5);
    let timeout = global.timeout?;
    Some(if matches!(action, Action::Shutdown(_)) { timeout.saturating_add(GRACE) } else { timeout })
}
