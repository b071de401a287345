//! `console-attach`: a connection that is a console.
//!
//! A device has no descriptor that tells of new console bytes, so an attached console looks for them: often while a
//! partition prints, ten times a second while it is silent. A vmand without attached consoles looks for nothing.

use std::io;
use std::time::Duration;

use serde_json::value::RawValue;
use vman_core::command::{
    Command, ConsoleAttach, ConsoleChunk, ConsoleInput, ConsoleRead, ConsoleWrite, ErrorReply, Reply,
    encode_error, encode_push, encode_return,
};
use vman_core::device::ManagerDevice;
use vman_core::id::PartitionId;
use vman_core::{Error, ErrorKind};

use crate::lines::Line;
use crate::session::Session;
use crate::shared::Caller;

/// While bytes come.
const EAGER: Duration = Duration::from_millis(2);
/// While none come.
const IDLE: Duration = Duration::from_millis(100);

impl<D: ManagerDevice + 'static> Session<D>
where
    D::Events: 'static,
{
    /// Answers the command, then carries the console until the peer, the partition or vmand ends.
    pub(crate) async fn stream_console(
        &mut self,
        args: ConsoleAttach,
        id: Option<Box<RawValue>>,
    ) -> io::Result<()> {
        let start = match args.position {
            Some(position) => self.read_console(args.id, Some(position), 1).await.map(|_| position),
            None => self.read_console(args.id, None, 1).await.map(|chunk| chunk.end),
        };
        match start {
            Ok(position) => {
                encode_return(&mut self.output, &Reply::Done {}, id.as_deref());
                self.carry(args.id, position).await
            }
            Err(error) => {
                encode_error(&mut self.output, &error, id.as_deref());
                self.flush().await
            }
        }
    }

    async fn carry(&mut self, id: PartitionId, mut position: u64) -> io::Result<()> {
        const CHUNK: u32 = 64 << 10;
        let mut pause = EAGER;
        loop {
            match self.read_console(id, Some(position), CHUNK).await {
                Ok(chunk) if chunk.data.is_empty() => pause = IDLE.min(pause * 2),
                Ok(chunk) => {
                    pause = EAGER;
                    position = behind(&chunk);
                    encode_push(&mut self.output, &chunk);
                }
                Err(error) => {
                    encode_error(&mut self.output, &error, None);
                    return self.flush().await;
                }
            }
            self.flush().await?;
            tokio::select! {
                biased;
                more = self.receive() => {
                    if !more? {
                        return Ok(());
                    }
                    pause = EAGER;
                    if !self.type_lines(id).await {
                        return self.flush().await;
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn read_console(
        &self,
        id: PartitionId,
        position: Option<u64>,
        max: u32,
    ) -> Result<ConsoleChunk, ErrorReply> {
        let args = ConsoleRead { id, position, max: Some(max) };
        if !self.shared.may_wait(&Command::ConsoleRead(args)) {
            return self.shared.manager.console_read(&args).map_err(|error: Error| ErrorReply::from(&error));
        }
        let reply = self.shared.execute_aside(Command::ConsoleRead(args), self.caller).await?;
        let Reply::Console(chunk) = reply else {
            return Err(ErrorReply::new(
                ErrorKind::Internal,
                "console-read was answered with something else",
            ));
        };
        Ok(chunk)
    }

    /// What the peer types; refusals are lines between the chunks. False if the connection has to be closed.
    async fn type_lines(&mut self, id: PartitionId) -> bool {
        let caller = self.caller;
        loop {
            let input = match self.input.next_line() {
                Line::Partial => return true,
                Line::TooLong => {
                    self.refuse_long_line();
                    return false;
                }
                Line::Complete(line) => serde_json::from_slice::<ConsoleInput>(line),
            };
            let outcome = match input {
                Ok(input) => self.type_bytes(ConsoleWrite { id, data: input.data }, caller).await,
                Err(error) => Err(ErrorReply::new(
                    ErrorKind::Protocol,
                    format!("Console input is {{\"data\": base64}}: {error}"),
                )),
            };
            if let Err(error) = outcome {
                encode_error(&mut self.output, &error, None);
            }
        }
    }

    async fn type_bytes(&self, args: ConsoleWrite, caller: Caller) -> Result<(), ErrorReply> {
        let command = Command::ConsoleWrite(args);
        match self.shared.may_wait(&command) {
            true => self.shared.execute_aside(command, caller).await.map(|_| ()),
            false => self.shared.execute(&command, caller).map(|_| ()),
        }
    }
}

fn behind(chunk: &ConsoleChunk) -> u64 {
    chunk.position.saturating_add(u64::try_from(chunk.data.len()).unwrap_or(u64::MAX))
}
