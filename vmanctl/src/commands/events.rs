//! `events`.

use std::io;

use super::Context;
use crate::args;
use crate::error::Failure;
use crate::output;
use crate::wait::{Watch, wait};

pub(super) fn events(args: &args::Events, context: &mut Context<'_>) -> Result<(), Failure> {
    let mut left = args.count;
    let mut events = context.target.events()?;
    while left != Some(0) {
        let Some(line) = events.try_next()? else {
            let [_, reader_gone] = wait([Watch::Input(events.as_fd()), Watch::reader(context.out_fd)], None)?;
            if reader_gone {
                return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
            }
            continue;
        };
        let text = if context.json { line } else { output::events::text(&line, context.look) };
        writeln!(context.out, "{text}")?;
        context.out.flush()?;
        left = left.map(|left| left - 1);
    }
    Ok(())
}
